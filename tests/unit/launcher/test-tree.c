// SPDX-License-Identifier: LGPL-2.1-or-later
// Which cgroups lie below the jobs', also when somebody has mounted what lies elsewhere in their place.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/tree.h"
#include "base/file.h"
#include "tests/unit/launcher/harness.h"

static Harness h;

static int make(const char *name) {
    cr_assert_eq(mkdirat(h.cgroup_fd, name, 0755), 0, "%s: %s", name, strerror(errno));
    int fd = file_open_directory_at(h.cgroup_fd, name);
    cr_assert_geq(fd, 0);
    return fd;
}

static void start(void) {
    harness_init(&h);
    (void)close(make("launcher"));
    (void)close(make("jobs"));
    (void)close(make("jobs/1.1"));
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(tree, .init = start, .fini = stop, .timeout = 30);

static int check(int fd) {
    int r = tree_check(h.cgroup_path, fd);

    (void)close(fd);
    return r;
}

Test(tree, below_the_jobs) {
    cr_assert_eq(check(make("jobs/2.1")), 0);
    cr_assert_eq(check(make("jobs/1.1/3.1")), 0);
    cr_assert_eq(check(make("jobs/1.1/3.1/made-by-a-task")), 0);
    // One that has been removed is where it was; nothing can be started in it.
    int fd = make("jobs/4.1");
    cr_assert_eq(unlinkat(h.cgroup_fd, "jobs/4.1", AT_REMOVEDIR), 0);
    cr_assert_eq(check(fd), 0);
}

Test(tree, elsewhere) {
    cr_assert_eq(check(file_open_directory_at(h.cgroup_fd, "jobs")), -EXDEV);
    cr_assert_eq(check(file_open_directory_at(h.cgroup_fd, ".")), -EXDEV);
    cr_assert_eq(check(file_open_directory_at(h.cgroup_fd, "launcher")), -EXDEV);
    cr_assert_eq(check(file_open_directory_at(h.cgroup_fd, "..")), -EXDEV);
    cr_assert_eq(check(make("jobs2")), -EXDEV);
    cr_assert_eq(check(make("jobs2/1.1")), -EXDEV);
    cr_assert_eq(check(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), -EXDEV);
}

// What an agent could do in namespaces of its own: put another cgroup where one of its own is expected.
Test(tree, in_the_place_of_another) {
    char job[192], other[192];

    (void)close(make("other"));
    (void)close(make("other/1.1"));
    (void)snprintf(job, sizeof(job), "%s/jobs/1.1", h.cgroup_path);
    (void)snprintf(other, sizeof(other), "%s/other", h.cgroup_path);
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount(other, job, NULL, MS_BIND, NULL), 0);
    // By its path it is a job's, and its parent by that path is the jobs' cgroup.
    int fd = open(job, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(tree_check(h.cgroup_path, fd), -EXDEV);
    cr_assert_eq(check(openat(fd, "1.1", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), -EXDEV);
    (void)close(fd);
    cr_assert_eq(umount2(job, MNT_DETACH), 0);
}

Test(tree, that_is_not_there) {
    cr_assert_eq(tree_check("/nowhere", h.cgroup_fd), -ENOENT);
    cr_assert_eq(tree_open_launcher("/nowhere"), -ENOENT);
    cr_assert_eq(tree_check("/tmp", h.cgroup_fd), -ENOENT);
}

Test(tree, whose_parts_are_no_cgroups) {
    // The one who owns the tree may put what it likes in the place of its parts: not outside of it, though.
    char root[128];

    cr_assert_eq(mkdirat(h.path_fd, "root", 0755), 0);
    cr_assert_eq(mkdirat(h.path_fd, "root/launcher", 0755), 0);
    cr_assert_eq(symlinkat(h.cgroup_path, h.path_fd, "root/jobs"), 0);
    (void)snprintf(root, sizeof(root), "%s/root", h.path);
    cr_assert_eq(tree_open_launcher(root), -ENOTDIR);
    int r = tree_check(root, h.cgroup_fd);
    cr_assert(r == -ELOOP || r == -ENOTDIR, "%s", strerror(-r));
}

Test(tree, birthplace_of_the_reapers) {
    struct stat st, wanted;

    int fd = tree_open_launcher(h.cgroup_path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert_eq(fstatat(h.cgroup_fd, "launcher", &wanted, 0), 0);
    cr_assert_eq(st.st_ino, wanted.st_ino);
    (void)close(fd);
}
