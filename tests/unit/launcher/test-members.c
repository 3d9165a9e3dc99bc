// SPDX-License-Identifier: LGPL-2.1-or-later
// Listing and signalling the processes of a subtree, directly.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/members.h"
#include "base/file.h"
#include "tests/unit/launcher/harness.h"

static Harness h;

static void start(void) {
    harness_init(&h);
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(members, .init = start, .fini = stop, .timeout = 240);

static int make_cgroup(int parent, const char *name) {
    cr_assert_eq(mkdirat(parent, name, 0755), 0);
    int fd = file_open_directory_at(parent, name);
    cr_assert_geq(fd, 0);
    return fd;
}

typedef struct Seen {
    pid_t pids[512];
    size_t n;
} Seen;

static int see(pid_t pid, void *userdata) {
    Seen *seen = userdata;

    cr_assert_lt(seen->n, 512);
    seen->pids[seen->n++] = pid;
    return 0;
}

static bool has_seen(const Seen *seen, pid_t pid) {
    for (size_t i = 0; i < seen->n; i++)
        if (seen->pids[i] == pid)
            return true;
    return false;
}

static int end_signal(pid_t pid) {
    int status;

    for (unsigned i = 0; i < 5000; i++, sleep_msec(1)) {
        pid_t r = waitpid(pid, &status, WNOHANG);
        if (r == pid)
            return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
    return -1;
}

Test(members, of_the_whole_subtree) {
    int a = make_cgroup(h.cgroup_fd, "1"), b = make_cgroup(a, "2"), c = make_cgroup(h.cgroup_fd, "3");
    int cgroups[] = { h.cgroup_fd, a, b, b };
    pid_t pids[4];
    Seen seen = { 0 };

    for (size_t i = 0; i < 4; i++)
        pids[i] = harness_sleeper(&h, cgroups[i]);
    cr_assert_eq(members_walk(h.cgroup_fd, see, &seen), 0);
    cr_assert_eq(seen.n, 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect(has_seen(&seen, pids[i]));
    seen.n = 0;
    cr_assert_eq(members_walk(a, see, &seen), 0);
    cr_assert_eq(seen.n, 3);
    seen.n = 0;
    cr_assert_eq(members_walk(c, see, &seen), 0);
    cr_assert_eq(seen.n, 0);
    for (size_t i = 1; i < 4; i++)
        (void)close(cgroups[i]);
    (void)close(c);
}

Test(members, more_than_one_read_lists) {
    Seen seen = { 0 };

    // A thousand pids do not fit into one chunk when they have five digits; fewer may still be cut inside a number.
    for (unsigned i = 0; i < 400; i++)
        (void)harness_sleeper(&h, h.cgroup_fd);
    cr_assert_eq(members_walk(h.cgroup_fd, see, &seen), 0);
    cr_assert_eq(seen.n, 400);
}

static int refuse(pid_t pid, void *userdata) {
    (void)pid;
    ++*(int *)userdata;
    return -ECANCELED;
}

Test(members, walk_ends_with_an_error) {
    int calls = 0;

    (void)harness_sleeper(&h, h.cgroup_fd);
    (void)harness_sleeper(&h, h.cgroup_fd);
    cr_assert_eq(members_walk(h.cgroup_fd, refuse, &calls), -ECANCELED);
    cr_assert_eq(calls, 1);
}

Test(members, cgroup_that_has_gone_is_empty) {
    int fd = make_cgroup(h.cgroup_fd, "1");
    Seen seen = { 0 };

    cr_assert_eq(unlinkat(h.cgroup_fd, "1", AT_REMOVEDIR), 0);
    cr_assert_eq(members_walk(fd, see, &seen), 0);
    cr_assert_eq(members_signal(fd, SIGTERM, true), 0);
    cr_assert_eq(seen.n, 0);
    (void)close(fd);
}

Test(members, walk_is_bounded_in_depth) {
    int fd = dup(h.cgroup_fd);
    Seen seen = { 0 };

    for (unsigned i = 0; i < 70; i++) {
        int child = make_cgroup(fd, "1");
        (void)close(fd);
        fd = child;
    }
    (void)harness_sleeper(&h, h.cgroup_fd);
    cr_assert_eq(members_walk(h.cgroup_fd, see, &seen), -ELOOP);
    cr_assert_eq(seen.n, 1);
    // What can be reached is signalled all the same.
    cr_assert_eq(members_signal(h.cgroup_fd, SIGTERM, false), 1);
    (void)close(fd);
}

Test(members, signal_reaches_the_subtree_and_nobody_else) {
    int a = make_cgroup(h.cgroup_fd, "1"), b = make_cgroup(h.cgroup_fd, "2");
    pid_t inside[] = { harness_sleeper(&h, a), harness_sleeper(&h, a) }, outside = harness_sleeper(&h, b);

    cr_assert_eq(members_signal(a, SIGUSR1, false), 2);
    for (size_t i = 0; i < 2; i++)
        cr_expect_eq(end_signal(inside[i]), SIGUSR1);
    cr_assert_eq(process_state(outside), 'S');
    (void)close(a);
    (void)close(b);
}

Test(members, many_are_signalled) {
    pid_t pids[900]; // more than are held at once

    for (size_t i = 0; i < 900; i++)
        pids[i] = harness_sleeper(&h, h.cgroup_fd);
    cr_assert_eq(members_signal(h.cgroup_fd, SIGTERM, false), 900);
    for (size_t i = 0; i < 900; i++)
        cr_expect_eq(end_signal(pids[i]), SIGTERM);
}

Test(members, stopped_ones_are_continued) {
    pid_t pid = harness_sleeper(&h, h.cgroup_fd), other;

    cr_assert_eq(kill(pid, SIGSTOP), 0);
    while (process_state(pid) != 'T')
        sleep_msec(1);
    cr_assert_eq(members_signal(h.cgroup_fd, SIGTERM, false), 1);
    sleep_msec(20);
    cr_assert_eq(process_state(pid), 'T');
    cr_assert_eq(members_signal(h.cgroup_fd, SIGTERM, true), 1);
    cr_assert_eq(end_signal(pid), SIGTERM);

    other = harness_sleeper(&h, h.cgroup_fd);
    cr_assert_eq(kill(other, SIGSTOP), 0);
    cr_assert_eq(members_signal(h.cgroup_fd, SIGKILL, false), 1);
    cr_assert_eq(end_signal(other), SIGKILL);
}

Test(members, caller_and_parent_are_spared) {
    pid_t pid = fork();

    if (pid == 0) {
        // The child signals a cgroup in which both it and its parent's other child are.
        pid_t sleeper = harness_sleeper(&h, h.cgroup_fd);
        if (file_write_at(h.cgroup_fd, "cgroup.procs", "0") < 0)
            _exit(1);
        pid_t signaller = fork();
        if (signaller == 0)
            _exit(members_signal(h.cgroup_fd, SIGTERM, false) == 1 ? 0 : 1);
        int status;
        if (waitpid(signaller, &status, 0) != signaller || status != 0)
            _exit(2);
        _exit(end_signal(sleeper) == SIGTERM ? 0 : 3);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 0);
}
