// SPDX-License-Identifier: LGPL-2.1-or-later
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/cgroup/scratch.h"

TestSuite(processes_plain, .init = plain_begin, .fini = plain_end);

static Cgroup *make(const char *procs) {
    int fd = plain_mkdir(plain_fd, "job");

    plain_write(fd, "cgroup.procs", procs);
    close(fd);
    return plain_open(plain_fd, "job");
}

Test(processes_plain, distinct_ascending_without_zero) {
    AUTO_CGROUP Cgroup *cgroup = make("30\n0\n10\n30\n20\n0\n10\n4194304\n");
    pid_t pids[8] = { 0 };
    size_t total = 0;

    cr_assert_eq(cgroup_processes(cgroup, pids, 8, &total), 0);
    cr_assert_eq(total, 4);
    cr_assert(pids[0] == 10 && pids[1] == 20 && pids[2] == 30 && pids[3] == 4194304 && pids[4] == 0);
}

Test(processes_plain, at_most_max_but_all_are_counted) {
    AUTO_CGROUP Cgroup *cgroup = make("3\n1\n2\n");
    pid_t pids[2] = { 0, 99 };
    size_t total = 0;

    cr_assert_eq(cgroup_processes(cgroup, pids, 1, &total), 0);
    cr_assert_eq(total, 3);
    cr_assert(pids[0] == 1 && pids[1] == 99);
    total = 0;
    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), 0);
    cr_assert_eq(total, 3);
}

Test(processes_plain, empty_is_none) {
    AUTO_CGROUP Cgroup *cgroup = make("");
    size_t total = 9;

    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), 0);
    cr_assert_eq(total, 0);
}

Test(processes_plain, malformed_lists_are_refused) {
    const char *const texts[] = { "abc\n", "-1\n", "1 2\n", "1", "\n", "1\n\n", "4194305\n", "99999999999999999999\n" };
    AUTO_CGROUP Cgroup *cgroup = make("");
    size_t total = 9;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        plain_write(cgroup_fd(cgroup), "cgroup.procs", texts[i]);
        cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), -EBADMSG, "\"%s\"", texts[i]);
        cr_assert_eq(total, 9);
    }
}

Test(processes_plain, a_long_list_is_read_whole) {
    enum {
        N = 20000
    };
    AUTO_FREE char *text = malloc(N * 8);
    AUTO_FREE pid_t *pids = calloc(N, sizeof *pids);
    size_t length = 0, total = 0;

    for (int i = N; i > 0; i--)
        length += (size_t)sprintf(text + length, "%d\n", i * 7);
    AUTO_CGROUP Cgroup *cgroup = make(text);
    cr_assert_eq(cgroup_processes(cgroup, pids, N, &total), 0);
    cr_assert_eq(total, N);
    for (int i = 0; i < N; i++)
        cr_assert_eq(pids[i], (i + 1) * 7);
}

Test(processes_plain, walks_nested_ones_but_no_links) {
    AUTO_CGROUP Cgroup *cgroup = make("1\n");
    int a = plain_mkdir(cgroup_fd(cgroup), "a"), b = plain_mkdir(a, "b"), other = plain_mkdir(plain_fd, "other");
    pid_t pids[8] = { 0 };
    size_t total = 0;

    plain_write(a, "cgroup.procs", "3\n1\n");
    plain_write(b, "cgroup.procs", "2\n");
    plain_write(other, "cgroup.procs", "100\n");
    close(plain_mkdir(a, "without-the-file"));
    cr_assert_eq(symlinkat("../../other", a, "link"), 0);
    cr_assert_eq(cgroup_processes(cgroup, pids, 8, &total), 0);
    cr_assert_eq(total, 3);
    cr_assert(pids[0] == 1 && pids[1] == 2 && pids[2] == 3);
}

Test(processes_plain, depth_is_bounded) {
    AUTO_CGROUP Cgroup *cgroup = make("1\n");
    int fd = dup(cgroup_fd(cgroup));
    size_t total = 9;

    for (unsigned depth = 1; depth <= 64; depth++) {
        int deeper = plain_mkdir(fd, "d");
        plain_write(deeper, "cgroup.procs", "2\n");
        close(fd);
        fd = deeper;
    }
    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), 0);
    cr_assert_eq(total, 2);
    close(plain_mkdir(fd, "d"));
    total = 9;
    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), -ELOOP);
    cr_assert_eq(total, 9);
    // Nothing may stay open behind the error.
    int next = dup(fd);
    cr_assert_lt(next, 64);
}

Test(processes_plain, gone_has_none_but_no_cgroup_is_an_error) {
    close(plain_mkdir(plain_fd, "job"));
    AUTO_CGROUP Cgroup *cgroup = plain_open(plain_fd, "job");
    size_t total = 9;

    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), -ENOENT);
    cr_assert_eq(unlinkat(plain_fd, "job", AT_REMOVEDIR), 0);
    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), 0);
    cr_assert_eq(total, 0);
}

TestSuite(processes_real, .init = scratch_begin, .fini = scratch_end, .timeout = 30);

Test(processes_real, lists_the_subtree) {
    AUTO_CGROUP Cgroup *top = scratch_create(scratch_fd, "job");
    AUTO_CGROUP Cgroup *inner = scratch_create(cgroup_fd(top), "inner");
    AUTO_CGROUP Cgroup *deepest = scratch_create(cgroup_fd(inner), "deepest");
    pid_t a = scratch_spawn(top, sleep_body), b = scratch_spawn(inner, sleep_body),
          c = scratch_spawn(deepest, sleep_body), pids[4] = { 0 };
    size_t total = 0;

    cr_assert_eq(cgroup_processes(top, pids, 4, &total), 0);
    cr_assert_eq(total, 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert(pids[i] == a || pids[i] == b || pids[i] == c);
    cr_assert(pids[0] < pids[1] && pids[1] < pids[2]);
    cr_assert_eq(cgroup_processes(deepest, pids, 4, &total), 0);
    cr_assert_eq(total, 1);
    cr_assert_eq(pids[0], c);
}

Test(processes_real, threaded_children_are_listed_by_their_domain) {
    AUTO_CGROUP Cgroup *domain = scratch_create(scratch_fd, "job");
    AUTO_CGROUP Cgroup *threaded = scratch_create(cgroup_fd(domain), "threaded");
    pid_t pid = scratch_spawn(domain, sleep_body), listed = 0;
    size_t total = 0;
    char text[16];

    if (file_write_at(cgroup_fd(threaded), "cgroup.type", "threaded") < 0)
        cr_skip("no threaded cgroups");
    (void)snprintf(text, sizeof text, "%d", pid);
    cr_assert_eq(file_write_at(cgroup_fd(threaded), "cgroup.threads", text), 0);
    cr_assert_eq(cgroup_processes(domain, &listed, 1, &total), 0);
    cr_assert_eq(total, 1);
    cr_assert_eq(listed, pid);
    total = 9;
    cr_assert_eq(cgroup_processes(threaded, NULL, 0, &total), -EOPNOTSUPP, "must not pass for empty");
    cr_assert_eq(total, 9);
}

Test(processes_real, gone_has_none) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "job");
    size_t total = 9;

    cr_assert_eq(cgroup_remove(scratch_fd, "job"), 0);
    cr_assert_eq(cgroup_processes(cgroup, NULL, 0, &total), 0);
    cr_assert_eq(total, 0);
}

__attribute__((noreturn)) static void churn_body(void) {
    int mount = open(scratch_mount, O_RDONLY | O_DIRECTORY);
    int scratch = openat(mount, scratch_path, O_RDONLY | O_DIRECTORY);
    int job = openat(scratch, "job", O_RDONLY | O_DIRECTORY);

    for (;;) {
        (void)mkdirat(job, "a", 0755);
        (void)mkdirat(job, "a/b", 0755);
        (void)unlinkat(job, "a/b", AT_REMOVEDIR);
        (void)unlinkat(job, "a", AT_REMOVEDIR);
    }
}

Test(processes_real, directories_may_vanish_meanwhile) {
    AUTO_CGROUP Cgroup *cgroup = scratch_create(scratch_fd, "job");
    pid_t pid = scratch_spawn(cgroup, churn_body), listed;
    size_t total = 0;

    for (unsigned i = 0; i < 2000; i++) {
        cr_assert_eq(cgroup_processes(cgroup, &listed, 1, &total), 0);
        cr_assert_eq(total, 1);
        cr_assert_eq(listed, pid);
    }
    cr_assert_eq(kill(pid, SIGKILL), 0);
}
