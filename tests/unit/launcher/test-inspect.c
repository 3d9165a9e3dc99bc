// SPDX-License-Identifier: LGPL-2.1-or-later
// What is told of processes: from text, and of real ones.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/inspect.h"
#include "tests/unit/launcher/harness.h"

#define REST " 6 7 8 9 10 11 12 13 150 50 16 17 18 19 3 21 22 23 100 25 26\n"

static int parse(const char *line, InspectedProcess *ret) {
    char text[256];

    (void)strcpy(text, line);
    return inspect_parse_stat(text, ret);
}

Test(stat, is_read) {
    InspectedProcess process = { .pid = 9, .uid = 8 };

    cr_assert_eq(parse("1 (sh) S 77 5" REST, &process), 0);
    cr_assert_eq(process.pid, 9);
    cr_assert_eq(process.uid, 8);
    cr_assert_eq(process.state, 'S');
    cr_assert_eq(process.parent, 77);
    cr_assert_eq(process.threads, 3);
    cr_assert_eq(process.cpu_usec, 200 * 1000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
    cr_assert_eq(process.resident, 100 * (uint64_t)sysconf(_SC_PAGESIZE));
    cr_assert_str_eq(process.command, "sh");
}

Test(stat, command_may_hold_anything) {
    InspectedProcess process;

    cr_assert_eq(parse("1 (a) R 1 ( \n) D 77 5" REST, &process), 0);
    cr_assert_str_eq(process.command, "a) R 1 ( \n");
    cr_assert_eq(process.state, 'D');
    cr_assert_eq(process.parent, 77);
    cr_assert_eq(parse("1 (kworker/u8:3-events_unbound) I 2 5" REST, &process), 0);
    cr_assert_str_eq(process.command, "kworker/u8:3-ev");
    cr_assert_eq(parse("1 () I 2 5" REST, &process), 0);
    cr_assert_str_eq(process.command, "");
}

Test(stat, junk_is_refused) {
    static const char *const lines[] = {
        "", "1", "1 (sh", "1 sh)", "1 )sh(", "1 (sh)", "1 (sh)S 1 2", "1 (sh) ", "1 (sh) S", "1 (sh) S 1 2 3",
    };
    InspectedProcess process = { .state = 'x' };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_expect_eq(parse(lines[i], &process), -EBADMSG, "%s", lines[i]);
    cr_assert_eq(process.state, 'x');
}

static Harness h;
static int proc;

static void start(void) {
    harness_start(&h);
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(inspect, .init = start, .fini = stop, .timeout = 60);

Test(inspect, sleepers) {
    InspectedProcess processes[4];
    uint32_t total;
    pid_t pids[] = { harness_sleeper(&h, h.cgroup_fd), harness_sleeper(&h, h.cgroup_fd) };

    sleep_msec(20);
    cr_assert_eq(inspect_members(h.cgroup_fd, proc, processes, 4, &total), 2);
    cr_assert_eq(total, 2);
    for (size_t i = 0; i < 2; i++) {
        cr_expect(processes[i].pid == pids[0] || processes[i].pid == pids[1]);
        cr_expect_eq(processes[i].parent, getpid());
        cr_expect_eq(processes[i].state, 'S');
        cr_expect_str_eq(processes[i].command, "a (sleeper) ) x");
        cr_expect_eq(processes[i].threads, 1);
        cr_expect_eq(processes[i].uid, 0);
        cr_expect_gt(processes[i].resident, 0);
        cr_expect(processes[i].system_call == SYS_pause || processes[i].system_call == INSPECT_NO_CALL);
    }
}

Test(inspect, counts_what_it_does_not_describe) {
    InspectedProcess processes[4];
    uint32_t total;

    for (unsigned i = 0; i < 5; i++)
        (void)harness_sleeper(&h, h.cgroup_fd);
    cr_assert_eq(inspect_members(h.cgroup_fd, proc, processes, 2, &total), 2);
    cr_assert_eq(total, 5);
    cr_assert_eq(inspect_members(h.cgroup_fd, proc, NULL, 0, &total), 0);
    cr_assert_eq(total, 5);
}

Test(inspect, users_and_running_ones) {
    InspectedProcess process;
    uint32_t total;

    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("while :; do :; done"), .uid = NOBODY, .gid = NOBODY });
    for (unsigned i = 0; i < 5000; i++, sleep_msec(1))
        if (inspect_members(h.cgroup_fd, proc, &process, 1, &total) == 1 && process.state == 'R' &&
            process.uid == NOBODY && process.cpu_usec > 20000)
            break;
    cr_assert_eq(process.uid, NOBODY);
    cr_assert_eq(process.state, 'R');
    cr_assert_eq(process.system_call, INSPECT_NO_CALL);
    cr_assert_str_eq(process.command, "sh");
}

Test(inspect, by_message_of_frozen_ones) {
    struct {
        InspectReply reply;
        InspectedProcess processes[INSPECT_MAX];
    } answer;
    InspectRequest request = { .header = { LAUNCHER_VERSION, LAUNCHER_INSPECT },
                               .cookie = 0x1122334455667788,
                               .max = INSPECT_MAX };
    pid_t pid = harness_sleeper(&h, h.cgroup_fd);

    (void)harness_sleeper(&h, h.cgroup_fd);
    harness_freeze(&h, true);
    harness_send(&h, &request, sizeof(request), &h.cgroup_fd, 1);
    cr_assert_eq(harness_receive(&h, &answer, sizeof(answer)), sizeof(answer.reply) + 2 * sizeof(answer.processes[0]));
    cr_assert_eq(answer.reply.header.version, LAUNCHER_VERSION);
    cr_assert_eq(answer.reply.header.verb, LAUNCHER_INSPECT);
    cr_assert_eq(answer.reply.cookie, request.cookie);
    cr_assert_eq(answer.reply.n, 2);
    cr_assert_eq(answer.reply.total, 2);
    cr_assert(answer.processes[0].pid == pid || answer.processes[1].pid == pid);
    harness_freeze(&h, false);
}
