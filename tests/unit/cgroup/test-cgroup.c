// SPDX-License-Identifier: LGPL-2.1-or-later
// Making, opening, removing.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/cgroup/scratch.h"

static bool exists(int dir_fd, const char *name) {
    return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *const bad_names[] = { "", ".", "..", "a/b", "/", "../x" };

TestSuite(cgroup_plain, .init = plain_begin, .fini = plain_end);

Test(cgroup_plain, create_opens_a_new_directory) {
    AUTO_CGROUP Cgroup *cgroup = NULL;
    struct stat status;

    cr_assert_eq(cgroup_create(plain_fd, "1.1", &cgroup), 0);
    cr_assert_eq(fstatat(plain_fd, "1.1", &status, 0), 0);
    cr_assert_eq(cgroup_id(cgroup), status.st_ino);
    cr_assert(fcntl(cgroup_fd(cgroup), F_GETFD) & FD_CLOEXEC);
}

Test(cgroup_plain, create_never_reuses) {
    Cgroup *cgroup = NULL;

    close(plain_mkdir(plain_fd, "1.1"));
    cr_assert_eq(cgroup_create(plain_fd, "1.1", &cgroup), -EEXIST);
    cr_assert_null(cgroup);
}

Test(cgroup_plain, create_leaves_nothing_when_it_fails) {
    struct rlimit limit = { .rlim_cur = 0, .rlim_max = 1024 };
    Cgroup *cgroup = NULL;

    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int r = cgroup_create(plain_fd, "1.1", &cgroup);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(r, -EMFILE);
    cr_assert_null(cgroup);
    cr_assert_not(exists(plain_fd, "1.1"));
}

Test(cgroup_plain, names_are_one_component) {
    Cgroup *cgroup = NULL;

    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        cr_assert_eq(cgroup_create(plain_fd, bad_names[i], &cgroup), -EINVAL);
        cr_assert_eq(cgroup_open(plain_fd, bad_names[i], &cgroup), -EINVAL);
        cr_assert_eq(cgroup_remove(plain_fd, bad_names[i]), -EINVAL);
    }
    cr_assert_null(cgroup);
}

Test(cgroup_plain, open_does_not_follow_links) {
    Cgroup *cgroup = NULL;

    close(plain_mkdir(plain_fd, "target"));
    cr_assert_eq(symlinkat("target", plain_fd, "link"), 0);
    int r = cgroup_open(plain_fd, "link", &cgroup);
    cr_assert(r == -ELOOP || r == -ENOTDIR, "%d", r);
    cr_assert_eq(cgroup_open(plain_fd, "missing", &cgroup), -ENOENT);
}

Test(cgroup_plain, free_accepts_null) {
    cr_assert_null(cgroup_free(NULL));
}

Test(cgroup_plain, remove_takes_a_tree) {
    int top = plain_mkdir(plain_fd, "top");

    for (char name[] = "a"; *name <= 'e'; (*name)++) {
        int child = plain_mkdir(top, name);
        for (char inner[] = "1"; *inner <= '5'; (*inner)++)
            close(plain_mkdir(child, inner));
        close(child);
    }
    close(top);
    cr_assert_eq(cgroup_remove(plain_fd, "top"), 0);
    cr_assert_not(exists(plain_fd, "top"));
    cr_assert_eq(cgroup_remove(plain_fd, "top"), 0, "gone is done");
}

Test(cgroup_plain, remove_takes_any_depth) {
    int fd = plain_mkdir(plain_fd, "top");

    for (unsigned i = 0; i < 300; i++) {
        int deeper = plain_mkdir(fd, "d");
        close(fd);
        fd = deeper;
    }
    close(fd);
    cr_assert_eq(remove_patiently(plain_fd, "top"), 0);
    cr_assert_not(exists(plain_fd, "top"));
}

Test(cgroup_plain, remove_is_bounded_and_gets_there) {
    int top = plain_mkdir(plain_fd, "top");
    char name[16];

    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        cr_assert_eq(mkdirat(top, name, 0755), 0);
    }
    close(top);
    cr_assert_eq(cgroup_remove(plain_fd, "top"), -EBUSY);
    cr_assert_eq(cgroup_remove(plain_fd, "top"), 0);
}

Test(cgroup_plain, remove_never_follows_links) {
    int outside = plain_mkdir(plain_fd, "outside");
    int top = plain_mkdir(plain_fd, "top");

    close(plain_mkdir(outside, "kept"));
    cr_assert_eq(symlinkat("../outside", top, "link"), 0);
    cr_assert_eq(symlinkat("outside", plain_fd, "toplink"), 0);
    close(plain_mkdir(top, "goes"));
    cr_assert_eq(cgroup_remove(plain_fd, "top"), -EBUSY);
    cr_assert_eq(cgroup_remove(plain_fd, "toplink"), -ENOTDIR);
    cr_assert(exists(outside, "kept"));
    cr_assert(exists(top, "link"));
    cr_assert_not(exists(top, "goes"));
}

Test(cgroup_plain, remove_stops_at_what_is_not_empty) {
    int top = plain_mkdir(plain_fd, "top");
    int child = plain_mkdir(top, "child");

    plain_write(child, "file", "");
    cr_assert_eq(cgroup_remove(plain_fd, "top"), -EBUSY);
    cr_assert(exists(child, "file"));
}

TestSuite(cgroup_real, .init = scratch_begin, .fini = scratch_end);

Test(cgroup_real, create_never_reuses) {
    AUTO_CGROUP Cgroup *first = scratch_create(scratch_fd, "1.1");
    AUTO_CGROUP Cgroup *opened = NULL;
    Cgroup *second = NULL;

    cr_assert_eq(cgroup_create(scratch_fd, "1.1", &second), -EEXIST);
    cr_assert_null(second);
    cr_assert_eq(cgroup_open(scratch_fd, "1.1", &opened), 0);
    cr_assert_eq(cgroup_id(first), cgroup_id(opened));
    cr_assert_neq(cgroup_id(first), 0);
}

Test(cgroup_real, remove_takes_a_nested_tree) {
    AUTO_CGROUP Cgroup *top = scratch_create(scratch_fd, "top");

    for (char name[] = "a"; *name <= 'c'; (*name)++) {
        AUTO_CGROUP Cgroup *child = scratch_create(cgroup_fd(top), name);
        for (char inner[] = "1"; *inner <= '3'; (*inner)++)
            cgroup_free(scratch_create(cgroup_fd(child), inner));
    }
    cr_assert_eq(cgroup_remove(scratch_fd, "top"), 0);
    cr_assert_not(exists(scratch_fd, "top"));
}

Test(cgroup_real, remove_of_the_populated_is_busy_and_moves_nobody) {
    AUTO_CGROUP Cgroup *top = scratch_create(scratch_fd, "top");
    AUTO_CGROUP Cgroup *inner = scratch_create(cgroup_fd(top), "inner");
    pid_t pid = scratch_spawn(inner, sleep_body), listed = 0;
    size_t total = 0;

    cr_assert_eq(cgroup_remove(scratch_fd, "top"), -EBUSY);
    cr_assert_eq(cgroup_remove(cgroup_fd(top), "inner"), -EBUSY);
    cr_assert_eq(cgroup_processes(inner, &listed, 1, &total), 0);
    cr_assert_eq(total, 1);
    cr_assert_eq(listed, pid);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    scratch_reap(pid);
    cr_assert_eq(remove_patiently(scratch_fd, "top"), 0);
}

Test(cgroup_real, a_zombie_does_not_hold_its_cgroup) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "top");
    pid_t pid = scratch_spawn(cgroup, sleep_body);

    cr_assert_eq(cgroup_kill(cgroup), 0);
    cr_assert(wait_for_populated(cgroup, false));
    cr_assert_eq(remove_patiently(scratch_fd, "top"), 0);
    scratch_reap(pid);
}

// Makes cgroups as fast as it can, from another one.
static void maker_body(void) {
    char name[16];

    // Its descriptors were closed.
    int mount = open(scratch_mount, O_RDONLY | O_DIRECTORY);
    int scratch = openat(mount, scratch_path, O_RDONLY | O_DIRECTORY);
    int top = openat(scratch, "top", O_RDONLY | O_DIRECTORY);
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "m%u", i);
        (void)mkdirat(top, name, 0755);
    }
}

Test(cgroup_real, remove_copes_with_what_is_made_meanwhile) {
    AUTO_CGROUP Cgroup *maker = scratch_create(scratch_fd, "maker");

    cgroup_free(scratch_create(scratch_fd, "top"));
    pid_t pid = scratch_spawn(maker, maker_body);

    for (unsigned i = 0; i < 50; i++) {
        int r = cgroup_remove(scratch_fd, "top");
        cr_assert(r == 0 || r == -EBUSY, "%d", r);
        if (r == 0)
            break;
    }
    (void)kill(pid, SIGKILL);
    scratch_reap(pid);
    cr_assert_eq(remove_patiently(scratch_fd, "top"), 0);
}
