// SPDX-License-Identifier: LGPL-2.1-or-later
// Output that is kept: all of it, up to a bound, and never at the price of the task or its record.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/launcher/harness.h"

static Harness h;

static void start(void) {
    harness_start(&h);
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(output, .init = start, .fini = stop, .timeout = 60);

Test(output, both_streams_are_kept_apart) {
    LaunchRecord record =
        harness_run(&h, &(TestLaunch){ .arguments = SHELL("echo out; echo error >&2"), .keep = true });

    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "out\n");
    cr_assert_str_eq(harness_output(&h, 1, STDERR_SUFFIX), "error\n");
    cr_assert_eq(record.stdout_kept, 4);
    cr_assert_eq(record.stderr_kept, 6);
    cr_assert_eq(record.stdout_dropped + record.stderr_dropped, 0);
}

Test(output, no_file_without_a_byte) {
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("echo x >&2"), .keep = true });
    cr_assert(!harness_has(&h, h.output_fd, 1, STDOUT_SUFFIX));
    cr_assert(harness_has(&h, h.output_fd, 1, STDERR_SUFFIX));
}

Test(output, is_bounded) {
    LaunchRecord record =
        harness_run(&h, &(TestLaunch){ .arguments = SHELL("head -c 3000000 /dev/zero | tr '\\0' a; echo short >&2"),
                                       .keep = true,
                                       .output_max = 100000 });

    cr_assert_eq(record.wait_status, 0);
    cr_assert_eq(record.stdout_kept, 100000);
    cr_assert_eq(record.stdout_dropped, 2900000);
    cr_assert_eq(record.stderr_kept, 6);
    cr_assert_eq(strlen(harness_output(&h, 1, STDOUT_SUFFIX)), 100000);
}

Test(output, comes_while_the_task_runs) {
    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("echo early; sleep 30"), .keep = true });
    for (unsigned i = 0; i < 5000 && !harness_has(&h, h.output_fd, 1, STDOUT_SUFFIX); i++)
        sleep_msec(1);
    sleep_msec(10);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "early\n");
    cr_assert(!harness_has(&h, h.records_fd, 1, RECORD_SUFFIX));
}

// Launches a task and holds its reaper until the main process has ended: all output is in the pipe then.
static LaunchRecord run_behind_the_reapers_back(const TestLaunch *launch) {
    LaunchRecord record;

    harness_launch(&h, launch);
    pid_t task = harness_member(&h), reaper = process_parent(task);
    sleep_msec(50);
    cr_assert_eq(kill(reaper, SIGSTOP), 0);
    for (unsigned i = 0; i < 10000 && process_state(task) != 'Z'; i++)
        sleep_msec(1);
    cr_assert_eq(process_state(task), 'Z');
    cr_assert_eq(kill(reaper, SIGCONT), 0);
    cr_assert(harness_wait(&h, 1, 60000, &record));
    return record;
}

Test(output, last_words_are_kept) {
    LaunchRecord record = run_behind_the_reapers_back(
        &(TestLaunch){ .arguments = SHELL("sleep 0.3; echo e >&2; head -c 60000 /dev/zero | tr '\\0' a; kill -KILL $$"),
                       .keep = true });

    cr_assert_eq(WTERMSIG(record.wait_status), SIGKILL);
    cr_assert_eq(record.stdout_kept, 60000);
    cr_assert_eq(record.stderr_kept, 2);
}

Test(output, daemon_is_not_waited_for) {
    // It fills the pipe as fast as it is emptied, and never closes it.
    LaunchRecord record = run_behind_the_reapers_back(
        &(TestLaunch){ .arguments = SHELL("(trap '' PIPE; sleep 0.3; yes) & sleep 0.6; exit 4"), .keep = true });

    cr_assert_eq(WEXITSTATUS(record.wait_status), 4);
    cr_assert_eq(record.stdout_kept, 65536);
}

Test(output, silent_daemon_is_not_waited_for) {
    LaunchRecord record = harness_run(&h, &(TestLaunch){ .arguments = SHELL("sleep 30 & exit 4"), .keep = true });

    cr_assert_eq(WEXITSTATUS(record.wait_status), 4);
    cr_assert_lt(record.end_boottime - record.start_boottime, 5000000);
}

Test(output, standard_output_can_be_opened_by_its_name) {
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("echo named > /dev/stdout; echo too > /proc/self/fd/2"),
                                   .keep = true,
                                   .uid = NOBODY,
                                   .gid = NOBODY });
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "named\n");
    cr_assert_str_eq(harness_output(&h, 1, STDERR_SUFFIX), "too\n");
}

Test(output, what_cannot_be_written_is_dropped) {
    // Somebody has made the file already: nothing is written into it, and the task does not notice.
    int fd = openat(h.output_fd, "7.1.2.1.stdout", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    LaunchRecord record =
        harness_run(&h, &(TestLaunch){ .arguments = SHELL("head -c 200000 /dev/zero; exit 5"), .keep = true });

    cr_assert_eq(WEXITSTATUS(record.wait_status), 5);
    cr_assert_eq(record.stdout_kept, 0);
    cr_assert_eq(record.stdout_dropped, 200000);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "");
}
