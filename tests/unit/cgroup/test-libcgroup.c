// SPDX-License-Identifier: LGPL-2.1-or-later
// Why libcgroup neither creates, nor attaches, nor deletes for us. Each test holds a trap of 2.0.2 as it is; one that
// turns red says that libcgroup has changed, and the trap's place in library.c may be looked at again. Only cgroups of
// the test's own are shown to it, in a private mount namespace.
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cgroup/scratch.h"

// Both sides have a cgroup_free(): theirs goes by another name here.
struct cgroup;
void library_group_free(struct cgroup **group) __asm__("cgroup_free");
#define cgroup_free library_group_free
#include <libcgroup.h>
#undef cgroup_free

#define AUTO_GROUP CLEANUP(library_group_free)

static char job_path[NAME_MAX + 8];

static void begin(void) {
    scratch_make_pure_v2();
    scratch_begin();
    (void)snprintf(job_path, sizeof job_path, "%s/job", scratch_path);
    if (cgroup_init() != 0)
        cr_skip("libcgroup finds no controller on cgroup v2");
}

// 3.0 has put row 1 right, and brought this function.
static void skip_where_row_1_is_mended(void) {
    if (dlsym(RTLD_DEFAULT, "cgroup_version"))
        cr_skip("libcgroup creates and attaches from 3.0 on");
}

// The name of a controller that it knows to be mounted.
static const char *any_controller(void) {
    static struct cgroup_mount_point mount;
    void *handle = NULL;

    cr_assert_eq(cgroup_get_controller_begin(&handle, &mount), 0);
    cgroup_get_controller_end(&handle);
    return mount.name;
}

TestSuite(libcgroup, .init = begin, .fini = scratch_end);

Test(libcgroup, row_1_create_without_controllers_succeeds_and_does_nothing) {
    skip_where_row_1_is_mended();
    AUTO_GROUP struct cgroup *group = cgroup_new_cgroup(job_path);

    cr_assert_not_null(group);
    cr_assert_eq(cgroup_create_cgroup(group, 0), 0);
    cr_assert(faccessat(scratch_fd, "job", F_OK, 0) < 0 && errno == ENOENT);
}

Test(libcgroup, row_1_attach_without_controllers_succeeds_and_does_nothing) {
    skip_where_row_1_is_mended();
    AUTO_CGROUP Cgroup *from = scratch_create(scratch_fd, "from");
    AUTO_CGROUP Cgroup *to = scratch_create(scratch_fd, "job");
    pid_t pid = scratch_spawn(from, sleep_body);
    AUTO_GROUP struct cgroup *group = cgroup_new_cgroup(job_path);
    size_t total = 9;

    cr_assert_not_null(group);
    cr_assert_eq(cgroup_attach_task_pid(group, pid), 0);
    cr_assert_eq(cgroup_processes(to, NULL, 0, &total), 0);
    cr_assert_eq(total, 0, "it has moved the process: it did nothing in 2.0.2");
}

Test(libcgroup, row_2_the_core_files_can_be_written_but_not_created_for) {
    AUTO_GROUP struct cgroup *group = cgroup_new_cgroup(job_path);

    cr_assert_not_null(group);
    cr_assert_not_null(cgroup_add_controller(group, "cgroup"));
    cr_assert_neq(cgroup_create_cgroup(group, 0), 0);
    cr_assert(faccessat(scratch_fd, "job", F_OK, 0) < 0);
}

// Row 3 (create writes into every ancestor's subtree_control, the root's included) cannot be shown without changing
// cgroups that are not the test's.

Test(libcgroup, row_4_delete_of_a_populated_leaf_moves_its_processes_to_the_parent) {
    AUTO_CGROUP Cgroup *parent = scratch_create(scratch_fd, "parent");
    AUTO_CGROUP Cgroup *leaf = scratch_create(cgroup_fd(parent), "leaf");
    char path[NAME_MAX + 32];
    pid_t pid = scratch_spawn(leaf, sleep_body), listed = 0;
    size_t total = 0;

    (void)snprintf(path, sizeof path, "%s/parent/leaf", scratch_path);
    AUTO_GROUP struct cgroup *group = cgroup_new_cgroup(path);
    cr_assert_not_null(group);
    cr_assert_not_null(cgroup_add_controller(group, any_controller()));
    cr_assert_eq(cgroup_delete_cgroup_ext(group, 0), 0);
    cr_assert(faccessat(cgroup_fd(parent), "leaf", F_OK, 0) < 0);
    cr_assert_eq(cgroup_processes(parent, &listed, 1, &total), 0);
    cr_assert_eq(total, 1, "the live process has escaped into the parent in 2.0.2");
    cr_assert_eq(listed, pid);
}

Test(libcgroup, row_5_delete_of_empty_ones_only_says_success_and_leaves_the_populated) {
    AUTO_CGROUP Cgroup *leaf = scratch_create(scratch_fd, "job");
    AUTO_GROUP struct cgroup *group = cgroup_new_cgroup(job_path);

    scratch_spawn(leaf, sleep_body);
    cr_assert_not_null(group);
    cr_assert_not_null(cgroup_add_controller(group, any_controller()));
    cr_assert_eq(cgroup_delete_cgroup_ext(group, CGFLAG_DELETE_EMPTY_ONLY), 0);
    cr_assert_eq(faccessat(scratch_fd, "job", F_OK, 0), 0);
}

Test(libcgroup_alone, row_6_success_has_the_text_of_an_error) {
    cr_assert_str_eq(cgroup_strerror(0), "Cgroup is not compiled in");
}

Test(libcgroup_alone, row_12_the_default_logger_writes_to_standard_output) {
    AUTO_CLOSE int saved = dup(STDOUT_FILENO);
    AUTO_CLOSE int output = memfd_create("stdout", MFD_CLOEXEC);

    cr_assert(saved >= 0 && output >= 0);
    (void)fflush(stdout);
    cr_assert_eq(dup2(output, STDOUT_FILENO), STDOUT_FILENO);
    cgroup_set_default_logger(CGROUP_LOG_DEBUG);
    cgroup_log(CGROUP_LOG_ERROR, "hello");
    (void)fflush(stdout);
    cr_assert_eq(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    cr_assert_eq(lseek(output, 0, SEEK_END), 5);
}
