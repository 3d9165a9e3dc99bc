// SPDX-License-Identifier: LGPL-2.1-or-later
// The process that keeps a unit's cgroup.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/keeper.h"
#include "base/file.h"
#include "base/log.h"
#include "tests/unit/launcher/harness.h"

static Harness h;

static void start(void) {
    harness_init(&h);
    log_set_level(-1);
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(keeper, .init = start, .fini = stop, .timeout = 30);

static pid_t keep(const char *root) {
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(keeper_run(root));
    return pid;
}

static void assert_keeps(pid_t pid) {
    char text[32] = "", wanted[32];

    (void)snprintf(wanted, sizeof(wanted), "%d\n", pid);
    for (unsigned i = 0; i < 5000; i++, sleep_msec(1))
        if (file_read_at(h.cgroup_fd, "launcher/cgroup.procs", text, sizeof(text)) > 0 && atoi(text) == pid)
            break;
    cr_assert_str_eq(text, wanted);
    cr_assert_eq(file_read_at(h.cgroup_fd, "cgroup.procs", text, sizeof(text)), 0); // the root is free
    cr_assert_eq(faccessat(h.cgroup_fd, "jobs", F_OK, 0), 0);
}

Test(keeper, keeps_until_it_is_told_to_end) {
    int status;

    pid_t pid = keep(h.cgroup_path);
    assert_keeps(pid);
    cr_assert_eq(kill(pid, SIGHUP), 0);
    sleep_msec(20);
    cr_assert_eq(waitpid(pid, &status, WNOHANG), 0);
    cr_assert_eq(kill(pid, SIGTERM), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    // The next one finds everything there.
    pid = keep(h.cgroup_path);
    assert_keeps(pid);
    cr_assert_eq(kill(pid, SIGTERM), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
}

Test(keeper, without_a_cgroup) {
    int status;

    pid_t pid = keep("/nowhere");
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(WEXITSTATUS(status), EXIT_FAILURE);
    pid = keep(h.path); // makes its directories there, and finds that it is none
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(WEXITSTATUS(status), EXIT_FAILURE);
}
