// SPDX-License-Identifier: LGPL-2.1-or-later
// The mount, the controllers.
#include "cgroup/controllers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/cgroup/scratch.h"

#define BIT(controller) (UINT32_C(1) << (controller))

TestSuite(controllers_plain, .init = plain_begin, .fini = plain_end);

Test(controllers_plain, names) {
    cr_assert_str_eq(cgroup_controller_name(CGROUP_CPU), "cpu");
    cr_assert_str_eq(cgroup_controller_name(CGROUP_MEMORY), "memory");
    cr_assert_str_eq(cgroup_controller_name(CGROUP_PIDS), "pids");
    cr_assert_str_eq(cgroup_controller_name(CGROUP_IO), "io");
    cr_assert_str_eq(cgroup_controller_name(CGROUP_CPUSET), "cpuset");
    cr_assert_str_eq(cgroup_controller_name(CGROUP_HUGETLB), "hugetlb");
}

Test(controllers_plain, reads_those_it_knows) {
    CgroupControllers controllers = 99;

    cr_assert_eq(cgroup_read_controllers(plain_fd, &controllers), -ENOENT);
    cr_assert_eq(controllers, 99);
    plain_write(plain_fd, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
    cr_assert_eq(cgroup_read_controllers(plain_fd, &controllers), 0);
    cr_assert_eq(controllers, BIT(_CGROUP_CONTROLLER_LAST + 1) - 1);
    plain_write(plain_fd, "cgroup.controllers", "cpuset misc\n");
    cr_assert_eq(cgroup_read_controllers(plain_fd, &controllers), 0);
    cr_assert_eq(controllers, BIT(CGROUP_CPUSET));
    plain_write(plain_fd, "cgroup.controllers", "\n");
    cr_assert_eq(cgroup_read_controllers(plain_fd, &controllers), 0);
    cr_assert_eq(controllers, 0);
}

Test(controllers_plain, enables_what_is_offered_and_missing) {
    CgroupControllers enabled = 99;

    plain_write(plain_fd, "cgroup.controllers", "cpu memory\n");
    plain_write(plain_fd, "cgroup.subtree_control", "cpu\n");
    cr_assert_eq(cgroup_enable_controllers(plain_fd, BIT(CGROUP_CPU) | BIT(CGROUP_PIDS), &enabled), 0);
    cr_assert_eq(enabled, BIT(CGROUP_CPU));
    plain_expect(plain_fd, "cgroup.subtree_control", "cpu\n");
    plain_write(plain_fd, "cgroup.subtree_control", "");
    cr_assert_eq(cgroup_enable_controllers(plain_fd, BIT(CGROUP_MEMORY) | BIT(CGROUP_PIDS), &enabled), 0);
    plain_expect(plain_fd, "cgroup.subtree_control", "+memory");
}

Test(controllers_plain, disables_also_what_it_does_not_know) {
    plain_write(plain_fd, "cgroup.subtree_control", "misc\n");
    cr_assert_eq(cgroup_disable_controllers(plain_fd), 0);
    plain_expect(plain_fd, "cgroup.subtree_control", "-misc");
}

TestSuite(controllers_real, .init = scratch_begin, .fini = scratch_end);

Test(controllers_real, finds_the_mount) {
    CgroupControllers controllers;
    struct statfs status;
    CgroupMount mount;

    cr_assert_eq(cgroup_find_mount(&mount), 0);
    cr_assert_eq(statfs(mount.path, &status), 0);
    cr_assert_eq(status.f_type, CGROUP2_SUPER_MAGIC);
    AUTO_CLOSE int fd = file_open_directory_at(AT_FDCWD, mount.path);
    cr_assert_eq(cgroup_read_controllers(fd, &controllers), 0);
    cr_assert_eq(controllers, mount.controllers);
}

Test(controllers_real, own_path_exists_below_the_mount) {
    char path[PATH_MAX], small[1];

    cr_assert_eq(cgroup_own_path(path, sizeof path), 0);
    cr_assert_eq(path[0], '/');
    AUTO_CLOSE int mount = file_open_directory_at(AT_FDCWD, scratch_mount);
    cr_assert_eq(faccessat(mount, path[1] ? path + 1 : ".", F_OK, 0), 0, "%s", path);
    cr_assert_eq(cgroup_own_path(small, sizeof small), -E2BIG);
}

static void own_path_body(void) {
    char path[PATH_MAX];
    size_t length = strlen(scratch_path);

    if (cgroup_own_path(path, sizeof path) < 0 || strncmp(path + 1, scratch_path, length) != 0 ||
        strcmp(path + 1 + length, "/job") != 0)
        _exit(1);
}

Test(controllers_real, own_path_is_where_a_clone_was_put) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "job");

    cr_assert_eq(scratch_reap(scratch_spawn(cgroup, own_path_body)), 0);
}

// Leaves its cgroup namespace, so to speak: the namespace is rooted where it was born, and then it is moved out.
static void outside_body(void) {
    char path[PATH_MAX];

    if (unshare(CLONE_NEWCGROUP) < 0)
        _exit(2);
    int mount = open(scratch_mount, O_RDONLY | O_DIRECTORY);
    int scratch = openat(mount, scratch_path, O_RDONLY | O_DIRECTORY);
    if (file_write_at(scratch, "other/cgroup.procs", "0") < 0)
        _exit(3);
    if (cgroup_own_path(path, sizeof path) != -EXDEV)
        _exit(1);
}

Test(controllers_real, own_path_outside_the_namespace_is_refused) {
    AUTO_CGROUP Cgroup *inner = scratch_create(scratch_fd, "job");

    cgroup_free(scratch_create(scratch_fd, "other"));
    cr_assert_eq(scratch_reap(scratch_spawn(inner, outside_body)), 0);
}

Test(controllers_real, enables_and_disables) {
    CgroupControllers offered = 0, enabled = 0;

    cr_assert_eq(cgroup_read_controllers(scratch_fd, &offered), 0);
    if (!offered)
        cr_skip("the root of cgroup v2 enables no controller for its children");
    cr_assert_eq(cgroup_enable_controllers(scratch_fd, offered, &enabled), 0);
    cr_assert_eq(enabled, offered);
    cr_assert_eq(cgroup_disable_controllers(scratch_fd), 0);
    cr_assert_eq(cgroup_enable_controllers(scratch_fd, 0, &enabled), 0);
    cr_assert_eq(enabled, 0);
}

Test(controllers_real, what_is_not_offered_stays_off) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "job");
    CgroupControllers enabled = 99;

    cr_assert_eq(cgroup_enable_controllers(cgroup_fd(cgroup), ~UINT32_C(0), &enabled), 0);
    cr_assert_eq(enabled, 0, "nothing was enabled above");
    cr_assert_eq(cgroup_disable_controllers(cgroup_fd(cgroup)), 0);
}

// Namespaces of the test's own; the mounts of the machine are not touched.

Test(mount, pure_v2_is_found) {
    CgroupMount found;

    scratch_make_pure_v2();
    cr_assert_eq(cgroup_find_mount(&found), 0);
    cr_assert_str_eq(found.path, "/sys/fs/cgroup");
}

Test(mount, none_is_no_device) {
    CgroupMount found;

    scratch_make_pure_v2();
    cr_assert_eq(umount2("/sys/fs/cgroup", MNT_DETACH), 0);
    cr_assert_eq(cgroup_find_mount(&found), -ENODEV);
}

Test(mount, one_that_is_covered_does_not_count) {
    CgroupMount found;

    scratch_make_pure_v2();
    cr_assert_eq(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL), 0);
    cr_assert_eq(cgroup_find_mount(&found), -ENODEV);
}

Test(mount, blanks_in_the_path_and_parts_of_the_tree, .init = scratch_make_pure_v2) {
    CgroupMount found;

    cr_assert_eq(mount("none", "/mnt", "tmpfs", 0, NULL), 0);
    cr_assert_eq(mkdir("/mnt/a b\\c", 0755), 0);
    cr_assert_eq(mount("cgroup2", "/mnt/a b\\c", "cgroup2", 0, NULL), 0);
    cr_assert_eq(umount2("/sys/fs/cgroup", MNT_DETACH), 0);
    cr_assert_eq(cgroup_find_mount(&found), 0);
    cr_assert_str_eq(found.path, "/mnt/a b\\c");
}
