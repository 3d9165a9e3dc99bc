// SPDX-License-Identifier: LGPL-2.1-or-later
// Limits, and the door to libcgroup they go through.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "cgroup/controllers.h"
#include "cgroup/library.h"
#include "tests/unit/cgroup/scratch.h"

#define NO_LIMITS ((CgroupLimits){ CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN })
#define BIT(controller) (UINT32_C(1) << (controller))

static char job_path[NAME_MAX + 8];

static Cgroup *make_job(void) {
    (void)snprintf(job_path, sizeof job_path, "%s/job", scratch_path);
    return scratch_create(scratch_fd, "job");
}

TestSuite(limits_real, .init = scratch_begin, .fini = scratch_end);

Test(limits_real, none_wanted_is_nothing_done) {
    AUTO_CGROUP Cgroup *cgroup = make_job();
    CgroupLimits limits = NO_LIMITS;

    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &limits), 0);
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), "no/such/path", &limits), 0);
}

Test(limits_real, a_missing_controller_is_refused) {
    // Nothing is enabled below the scratch cgroup, so its child has no controller on any machine.
    AUTO_CGROUP Cgroup *cgroup = make_job();
    CgroupLimits memory = NO_LIMITS, processes = NO_LIMITS, cpu = NO_LIMITS;

    memory.memory_max = 1 << 20;
    processes.process_max = 10;
    cpu.cpu_max = 50;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &memory), -EOPNOTSUPP);
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &processes), -EOPNOTSUPP);
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &cpu), -EOPNOTSUPP);
    cr_assert_eq(cgroup_remove(scratch_fd, "job"), 0);
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &memory), -ENOENT, "gone is not the same");
}

Test(limits_real, what_no_kernel_holds_is_out_of_range) {
    AUTO_CGROUP Cgroup *cgroup = make_job();
    CgroupLimits memory = NO_LIMITS, cpu = NO_LIMITS;

    memory.memory_max = (uint64_t)INT64_MAX;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &memory), -ERANGE);
    cpu.cpu_max = UINT64_MAX / 10;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &cpu), -ERANGE);
}

static void enable_or_skip(CgroupController controller) {
    CgroupControllers enabled = 0;

    cr_assert_eq(cgroup_enable_controllers(scratch_fd, BIT(controller), &enabled), 0);
    if (!(enabled & BIT(controller)))
        cr_skip("no %s controller here", cgroup_controller_name(controller));
}

static void expect(Cgroup *cgroup, const char *file, const char *text) {
    plain_expect(cgroup_fd(cgroup), file, text);
}

Test(limits_real, memory) {
    CgroupLimits limits = NO_LIMITS;

    enable_or_skip(CGROUP_MEMORY);
    AUTO_CGROUP Cgroup *cgroup = make_job();
    limits.memory_max = (1 << 20) + 17;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &limits), 0);
    expect(cgroup, "memory.max", "1048576\n");
}

Test(limits_real, processes) {
    CgroupLimits limits = NO_LIMITS;

    enable_or_skip(CGROUP_PIDS);
    AUTO_CGROUP Cgroup *cgroup = make_job();
    limits.process_max = 12;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &limits), 0);
    expect(cgroup, "pids.max", "12\n");
    cr_assert_eq(cgroup_forbid_forks(cgroup), 0);
    expect(cgroup, "pids.max", "0\n");
}

Test(limits_real, processor) {
    CgroupLimits limits = NO_LIMITS;

    enable_or_skip(CGROUP_CPU);
    AUTO_CGROUP Cgroup *cgroup = make_job();
    limits.cpu_max = 150;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(cgroup), job_path, &limits), 0);
    expect(cgroup, "cpu.max", "150000 100000\n");
}

Test(limits_real, a_write_that_went_elsewhere_is_noticed) {
    CgroupLimits limits = NO_LIMITS;

    enable_or_skip(CGROUP_PIDS);
    AUTO_CGROUP Cgroup *other = scratch_create(scratch_fd, "other");
    cgroup_free(make_job());
    limits.process_max = 12;
    cr_assert_eq(cgroup_set_limits(cgroup_fd(other), job_path, &limits), -EIO);
}

// ---- the door ----

// Any controller that libcgroup has found on the v2 mount reaches the files of every v2 cgroup.
static const char *any_controller(void) {
    char path[PATH_MAX];
    CgroupMount mount;

    cr_assert_eq(cgroup_find_mount(&mount), 0);
    for (unsigned i = 0; i <= _CGROUP_CONTROLLER_LAST; i++)
        if (mount.controllers & BIT(i) && cgroup_library_find(cgroup_controller_name(i), path) == 0)
            return cgroup_controller_name(i);
    cr_skip("libcgroup finds no controller on cgroup v2");
    return NULL;
}

Test(limits_real, library_finds_the_same_mount) {
    char path[PATH_MAX] = "";

    cr_assert_eq(cgroup_library_find(any_controller(), path), 0);
    cr_assert_str_eq(path, scratch_mount);
    cr_assert_eq(cgroup_library_find("nonsense", path), -ENODEV);
    cr_assert_str_eq(path, scratch_mount);
}

Test(limits_real, library_writes) {
    const char *controller = any_controller();
    AUTO_CGROUP Cgroup *cgroup = make_job();

    cr_assert_eq(cgroup_library_set(job_path, controller, "cgroup.max.depth", "7"), 0);
    expect(cgroup, "cgroup.max.depth", "7\n");
}

Test(limits_real, library_reports_refusals) {
    const char *controller = any_controller();
    AUTO_CGROUP Cgroup *cgroup = make_job();
    char large[8192];

    cr_assert_eq(cgroup_library_set(job_path, "nonsense", "cgroup.max.depth", "7"), -ENODEV);
    cr_assert_eq(cgroup_library_set(job_path, controller, "cgroup.nothing", "7"), -ENOENT);
    cr_assert_eq(cgroup_library_set("no/such", controller, "cgroup.max.depth", "7"), -ENOENT);
    cr_assert_eq(cgroup_library_set(job_path, controller, "cgroup.max.depth", "-8"), -ERANGE);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    cr_assert_eq(cgroup_library_set(large, controller, "cgroup.max.depth", "7"), -ENAMETOOLONG);
    large[4096] = '\0';
    cr_assert_eq(cgroup_library_set(job_path, controller, "cgroup.max.depth", large), -E2BIG);
    expect(cgroup, "cgroup.max.depth", "max\n");
}

// Before libcgroup is first asked: what its default logger would obey, were it still there.
static void begin_talkative(void) {
    cr_assert_eq(setenv("CGROUP_LOGLEVEL", "DEBUG", 1), 0);
    scratch_begin();
}

Test(limits_silence, nothing_goes_to_standard_output, .init = begin_talkative, .fini = scratch_end) {
    const char *controller = any_controller();
    AUTO_CLOSE int saved = dup(STDOUT_FILENO);
    AUTO_CLOSE int output = memfd_create("stdout", MFD_CLOEXEC);

    cr_assert(saved >= 0 && output >= 0);
    cgroup_free(make_job());
    (void)fflush(stdout);
    cr_assert_eq(dup2(output, STDOUT_FILENO), STDOUT_FILENO);
    (void)cgroup_library_set(job_path, "nonsense", "x", "y");
    (void)cgroup_library_set(job_path, controller, "cgroup.max.depth", "\n7");
    (void)fflush(stdout);
    cr_assert_eq(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    cr_assert_eq(lseek(output, 0, SEEK_END), 0);
}
