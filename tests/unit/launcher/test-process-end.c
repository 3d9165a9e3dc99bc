// SPDX-License-Identifier: LGPL-2.1-or-later
// How a child ended, with and without a tracer in between.
#include "agent/launcher/process-end.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(process_end, .timeout = 60);

static int open_pidfd(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    cr_assert_geq(fd, 0);
    return fd;
}

// A child that waits for SIGUSR1 and exits with code then.
static pid_t fork_child(int code) {
    sigset_t wanted;
    int signal;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid > 0)
        return pid;
    (void)sigwait(&wanted, &signal);
    _exit(code);
}

// A tracer that never asks how its tracee ends, and ends itself after some time.
static pid_t fork_tracer(pid_t tracee, unsigned msec) {
    int ready[2];
    char byte;

    cr_assert_eq(pipe(ready), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (ptrace(PTRACE_SEIZE, tracee, NULL, NULL) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        usleep(msec * 1000);
        _exit(0);
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1, "the tracer could not attach");
    close(ready[0]);
    return pid;
}

static ProcessEnd wait_end(pid_t pid) {
    ProcessEnd end;
    int pidfd = open_pidfd(pid);

    cr_assert_eq(process_end_wait(pid, pidfd, &end), 0);
    close(pidfd);
    return end;
}

Test(process_end, exit_code) {
    pid_t pid = fork_child(7);

    kill(pid, SIGUSR1);
    ProcessEnd end = wait_end(pid);
    cr_assert(WIFEXITED(end.wait_status));
    cr_assert_eq(WEXITSTATUS(end.wait_status), 7);
    cr_assert_neq(end.max_resident, PROCESS_END_UNKNOWN);
    cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1, "it has been reaped");
}

Test(process_end, signal) {
    pid_t pid = fork_child(0);

    kill(pid, SIGKILL);
    ProcessEnd end = wait_end(pid);
    cr_assert(WIFSIGNALED(end.wait_status));
    cr_assert_eq(WTERMSIG(end.wait_status), SIGKILL);
}

static void end_tracer(pid_t pid) {
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(process_end, kept_by_a_tracer) {
    static const int signals[] = { SIGUSR1, SIGKILL };
    static const int expected[] = { 7 << 8, SIGKILL };

    for (int i = 0; i < 2; i++) {
        pid_t pid = fork_child(7), tracer = fork_tracer(pid, 50000);

        kill(pid, signals[i]);
        ProcessEnd end = wait_end(pid);
        cr_assert_eq(end.wait_status, expected[i]);
        cr_assert_eq(end.max_resident, PROCESS_END_UNKNOWN);
        cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0, "the tracer still has it");
        end_tracer(tracer);
    }
}

Test(process_end, zero_is_not_believed) {
    pid_t pid = fork_child(0), tracer = fork_tracer(pid, 1500);

    kill(pid, SIGUSR1);
    ProcessEnd end = wait_end(pid); // from the kernel itself, once the tracer is gone
    cr_assert_eq(end.wait_status, 0);
    cr_assert_neq(end.max_resident, PROCESS_END_UNKNOWN);
    cr_assert_eq(waitpid(tracer, NULL, 0), tracer);
}

Test(process_end, has_begun) {
    siginfo_t info;
    pid_t pid = fork_child(0);

    cr_assert_not(process_end_has_begun(pid));
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert(process_end_has_begun(pid));
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert(process_end_has_begun(pid));
}
