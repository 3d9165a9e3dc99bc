// SPDX-License-Identifier: LGPL-2.1-or-later
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/cgroup/scratch.h"

TestSuite(usage_plain, .init = plain_begin, .fini = plain_end);

static void expect(Cgroup *cgroup, uint64_t user, uint64_t system, uint64_t memory, uint64_t processes, uint64_t ooms) {
    CgroupUsage usage = { 0 };

    cr_assert_eq(cgroup_read_usage(cgroup, &usage), 0);
    cr_assert_eq(usage.user_usec, user);
    cr_assert_eq(usage.system_usec, system);
    cr_assert_eq(usage.memory_peak, memory);
    cr_assert_eq(usage.process_peak, processes);
    cr_assert_eq(usage.oom_kills, ooms);
}

Test(usage_plain, what_is_missing_is_unknown) {
    const uint64_t unknown = CGROUP_UNKNOWN;
    int fd = plain_mkdir(plain_fd, "job");
    AUTO_CGROUP Cgroup *cgroup = plain_open(plain_fd, "job");

    expect(cgroup, unknown, unknown, unknown, unknown, unknown);
    plain_write(fd, "cpu.stat", "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 0\n");
    expect(cgroup, 10, 20, unknown, unknown, unknown);
    plain_write(fd, "pids.peak", "7\n");
    expect(cgroup, 10, 20, unknown, 7, unknown);
    plain_write(fd, "memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 5\n");
    expect(cgroup, 10, 20, unknown, 7, 3);
    plain_write(fd, "memory.peak", "1048576\n");
    expect(cgroup, 10, 20, 1048576, 7, 3);
    plain_write(fd, "cpu.stat", "usage_usec 30\n");
    expect(cgroup, unknown, unknown, 1048576, 7, 3);
}

Test(usage_plain, the_local_file_does_not_hide_the_subtree) {
    int fd = plain_mkdir(plain_fd, "job");
    AUTO_CGROUP Cgroup *cgroup = plain_open(plain_fd, "job");
    CgroupUsage usage;

    plain_write(fd, "memory.events", "oom_kill 2\n");
    plain_write(fd, "memory.events.local", "oom_kill 0\n");
    cr_assert_eq(cgroup_read_usage(cgroup, &usage), 0);
    cr_assert_eq(usage.oom_kills, 2);
}

Test(usage_plain, malformed_is_an_error_and_touches_nothing) {
    static const struct {
        const char *file, *text;
    } cases[] = { { "cpu.stat", "user_usec x\n" },
                  { "cpu.stat", "user_usec 1\nsystem_usec -1\n" },
                  { "pids.peak", "max\n" },
                  { "memory.events", "oom_kill \n" },
                  { "memory.peak", "1 2\n" } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[] = { (char)('a' + i), '\0' };
        int fd = plain_mkdir(plain_fd, name);
        AUTO_CGROUP Cgroup *cgroup = plain_open(plain_fd, name);
        CgroupUsage usage = { .user_usec = 77 };
        plain_write(fd, "memory.events", "oom_kill 0\n");
        plain_write(fd, cases[i].file, cases[i].text);
        cr_assert_eq(cgroup_read_usage(cgroup, &usage), -EBADMSG, "%s", cases[i].file);
        cr_assert_eq(usage.user_usec, 77);
        close(fd);
    }
}

TestSuite(usage_real, .init = scratch_begin, .fini = scratch_end);

static void busy_body(void) {
    struct timespec now;

    do
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while (now.tv_sec == 0 && now.tv_nsec < 30 * 1000 * 1000);
}

Test(usage_real, processor_time_grows_and_outlives_the_process) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "job");
    CgroupUsage before, after;

    cr_assert_eq(cgroup_read_usage(cgroup, &before), 0);
    cr_assert_eq(scratch_reap(scratch_spawn(cgroup, busy_body)), 0);
    cr_assert_eq(cgroup_read_usage(cgroup, &after), 0);
    uint64_t used = after.user_usec + after.system_usec - before.user_usec - before.system_usec;
    cr_assert(used >= 25000 && used < 5000000, "%lu microseconds", (unsigned long)used);
}

Test(usage_real, gone_is_unknown) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "job");
    CgroupUsage usage;

    cr_assert_eq(cgroup_remove(scratch_fd, "job"), 0);
    cr_assert_eq(cgroup_read_usage(cgroup, &usage), 0);
    cr_assert(usage.user_usec == CGROUP_UNKNOWN && usage.process_peak == CGROUP_UNKNOWN);
}
