// SPDX-License-Identifier: LGPL-2.1-or-later
// The messages: what is refused, who may connect, and that the launcher stays well.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/launcher.h"
#include "base/file.h"
#include "tests/unit/launcher/harness.h"

static Harness h;
static TestPacket packet;

static void prepare(void) {
    harness_init(&h);
}

static void start(void) {
    harness_start(&h);
}

static void stop(void) {
    harness_deinit(&h);
}

static size_t open_descriptors(pid_t pid) {
    char command[64], text[16] = "";
    FILE *pipe;

    (void)snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", pid);
    pipe = popen(command, "re");
    cr_assert_not_null(fgets(text, sizeof(text), pipe));
    (void)pclose(pipe);
    return (size_t)atoi(text);
}

// The connection has ended, and the launcher that had only this one too, with a status that says so.
static void assert_closed(void) {
    char buffer[64];
    int status;

    cr_assert_eq(harness_receive(&h, buffer, sizeof(buffer)), 0);
    cr_assert_eq(waitpid(h.launcher, &status, 0), h.launcher);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 1);
    h.launcher = 0;
}

static LauncherHello hello(void) {
    return (LauncherHello){ { LAUNCHER_VERSION, LAUNCHER_HELLO } };
}

TestSuite(greeting, .init = prepare, .fini = stop, .timeout = 30);

Test(greeting, of_another_version) {
    LauncherHello message = hello();
    message.header.version++;
    harness_send(&h, &message, sizeof(message), (int[]){ h.records_fd, h.output_fd }, 2);
    assert_closed();
}

Test(greeting, without_descriptors) {
    LauncherHello message = hello();
    harness_send(&h, &message, sizeof(message), NULL, 0);
    assert_closed();
}

Test(greeting, with_one_descriptor) {
    LauncherHello message = hello();
    harness_send(&h, &message, sizeof(message), &h.records_fd, 1);
    assert_closed();
}

Test(greeting, with_three_descriptors) {
    LauncherHello message = hello();
    harness_send(&h, &message, sizeof(message), (int[]){ h.records_fd, h.output_fd, h.cgroup_fd }, 3);
    assert_closed();
}

Test(greeting, with_sixteen_descriptors) {
    LauncherHello message = hello();
    int fds[16];
    for (size_t i = 0; i < 16; i++)
        fds[i] = h.records_fd;
    harness_send(&h, &message, sizeof(message), fds, 16);
    assert_closed();
}

Test(greeting, with_a_file_as_directory) {
    LauncherHello message = hello();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    harness_send(&h, &message, sizeof(message), (int[]){ h.records_fd, fd }, 2);
    (void)close(fd);
    assert_closed();
}

Test(greeting, is_needed_first) {
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });
    harness_send(&h, &packet, size, &h.cgroup_fd, 1);
    assert_closed();
}

Test(greeting, empty_message) {
    harness_send(&h, "", 0, NULL, 0);
    char buffer[8];
    cr_assert_eq(harness_receive(&h, buffer, sizeof(buffer)), 0);
}

Test(greeting, stray_bytes) {
    harness_send(&h, "abc", 3, NULL, 0);
    assert_closed();
}

TestSuite(messages, .init = start, .fini = stop, .timeout = 30);

Test(messages, second_greeting) {
    LauncherHello message = hello();
    harness_send(&h, &message, sizeof(message), (int[]){ h.records_fd, h.output_fd }, 2);
    assert_closed();
}

Test(messages, unknown_verbs) {
    LauncherHeader message = { LAUNCHER_VERSION, _LAUNCHER_VERB_LAST + 1 };
    harness_send(&h, &message, sizeof(message), &h.cgroup_fd, 1);
    assert_closed();
}

Test(messages, verb_zero) {
    LauncherHeader message = { LAUNCHER_VERSION, 0 };
    harness_send(&h, &message, sizeof(message), &h.cgroup_fd, 1);
    assert_closed();
}

Test(messages, launch_without_cgroup) {
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });
    harness_send(&h, &packet, size, NULL, 0);
    assert_closed();
}

Test(messages, launch_into_an_ordinary_directory) {
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });
    harness_send(&h, &packet, size, &h.records_fd, 1);
    assert_closed();
}

Test(messages, launch_into_a_file_of_a_cgroup) {
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });
    int fd = openat(h.cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    harness_send(&h, &packet, size, &fd, 1);
    (void)close(fd);
    assert_closed();
}

Test(messages, launch_cut_short) {
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });
    harness_send(&h, &packet, size - 1, &h.cgroup_fd, 1);
    assert_closed();
}

Test(messages, too_long) {
    static char bytes[LAUNCHER_MESSAGE_MAX + 1];
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });

    memcpy(bytes, packet.bytes, size);
    ((LaunchRequest *)(void *)bytes)->strings_size = LAUNCHER_MESSAGE_MAX;
    cr_assert_eq(setsockopt(h.socket, SOL_SOCKET, SO_SNDBUF, &(int){ 1 << 20 }, sizeof(int)), 0);
    harness_send(&h, bytes, sizeof(bytes), &h.cgroup_fd, 1);
    assert_closed();
}

Test(messages, longest_launch) {
    static char first[LAUNCHER_MESSAGE_MAX / 2], second[LAUNCHER_MESSAGE_MAX]; // one of that length the kernel refuses
    TestLaunch launch = { .arguments = ARGUMENTS("true", first, second) };

    memset(first, 'x', sizeof(first) - 1);
    memset(second, 'y', LAUNCHER_MESSAGE_MAX - packet_build(&packet, &launch));
    cr_assert_eq(packet_build(&packet, &launch), LAUNCHER_MESSAGE_MAX);
    LaunchRecord record = harness_run(&h, &launch);
    cr_assert_eq(record.step, LAUNCH_STEP_NONE, "%s", strerror(record.error));
}

static void send_signal(uint32_t signal, uint32_t continue_after, size_t size) {
    SignalRequest request = { { LAUNCHER_VERSION, LAUNCHER_SIGNAL }, signal, continue_after };
    harness_send(&h, &request, size, &h.cgroup_fd, 1);
}

Test(messages, signal_zero) {
    send_signal(0, 0, sizeof(SignalRequest));
    assert_closed();
}

Test(messages, signal_too_big) {
    send_signal(65, 0, sizeof(SignalRequest));
    assert_closed();
}

Test(messages, signal_with_an_odd_flag) {
    send_signal(SIGTERM, 2, sizeof(SignalRequest));
    assert_closed();
}

Test(messages, signal_cut_short) {
    send_signal(SIGTERM, 0, sizeof(SignalRequest) - 1);
    assert_closed();
}

Test(messages, signal_is_sent) {
    pid_t pid = harness_sleeper(&h, h.cgroup_fd);
    int status;

    cr_assert_eq(kill(pid, SIGSTOP), 0);
    send_signal(SIGTERM, 1, sizeof(SignalRequest));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGTERM);
}

static void send_inspect(uint32_t max, uint32_t padding) {
    InspectRequest request = { { LAUNCHER_VERSION, LAUNCHER_INSPECT }, 1, max, padding };
    harness_send(&h, &request, sizeof(request), &h.cgroup_fd, 1);
}

Test(messages, inspect_too_many) {
    send_inspect(INSPECT_MAX + 1, 0);
    assert_closed();
}

Test(messages, inspect_with_padding) {
    send_inspect(1, 1);
    assert_closed();
}

Test(messages, agent_that_does_not_read_is_left) {
    struct pollfd end = { .fd = h.socket, .events = 0 };

    for (unsigned i = 0; i < 50; i++)
        (void)harness_sleeper(&h, h.cgroup_fd);
    // Answers pile up until the launcher refuses to wait.
    InspectRequest request = { { LAUNCHER_VERSION, LAUNCHER_INSPECT }, 1, INSPECT_MAX, 0 };
    cr_assert_eq(fcntl(h.socket, F_SETFL, O_NONBLOCK), 0);
    for (unsigned i = 0; i < 10000 && poll(&end, 1, 0) == 0; i++) {
        struct iovec data = { &request, sizeof(request) };
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
        struct msghdr header = {
            .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        *c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
        memcpy(CMSG_DATA(c), &h.cgroup_fd, sizeof(int));
        if (sendmsg(h.socket, &header, MSG_NOSIGNAL) < 0)
            sleep_msec(1);
    }
    cr_assert(end.revents & POLLHUP);
    int status;
    cr_assert_eq(waitpid(h.launcher, &status, 0), h.launcher);
    h.launcher = 0;
}

Test(messages, no_descriptor_is_left_open) {
    (void)harness_run(&h, &(TestLaunch){ .arguments = SHELL("exit 0") });
    size_t before = open_descriptors(h.launcher);

    for (uint32_t i = 2; i < 30; i++) {
        (void)harness_run(&h, &(TestLaunch){ .arguments = SHELL("exit 0"), .attempt = i });
        send_signal(SIGCONT, 0, sizeof(SignalRequest));
    }
    for (unsigned i = 0; i < 10000 && open_descriptors(h.launcher) != before; i++)
        sleep_msec(1);
    cr_assert_eq(open_descriptors(h.launcher), before);
    cr_assert_eq(waitpid(h.launcher, NULL, WNOHANG), 0);
}

static int count_children(pid_t pid) {
    char command[96], text[16] = "";

    (void)snprintf(command, sizeof(command), "ps -o pid= --ppid %d | wc -l", pid);
    FILE *pipe = popen(command, "re");
    cr_assert_not_null(fgets(text, sizeof(text), pipe));
    (void)pclose(pipe);
    return atoi(text);
}

Test(messages, reapers_are_reaped) {
    for (uint32_t i = 1; i < 20; i++)
        (void)harness_run(&h, &(TestLaunch){ .arguments = SHELL("exit 0"), .attempt = i });
    for (unsigned i = 0; i < 100 && count_children(h.launcher) > 0; i++)
        sleep_msec(20);
    cr_assert_eq(count_children(h.launcher), 0);
}

Test(messages, termination_leaves_reapers_alone) {
    LaunchRecord record;
    int status;

    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("sleep 1; exit 6") });
    (void)harness_member(&h);                  // the launch has been read
    cr_assert_eq(kill(h.launcher, SIGINT), 0); // for the agent
    sleep_msec(20);
    cr_assert_eq(waitpid(h.launcher, NULL, WNOHANG), 0);
    cr_assert_eq(kill(h.launcher, SIGTERM), 0);
    cr_assert_eq(waitpid(h.launcher, &status, 0), h.launcher);
    cr_assert_eq(status, 0);
    h.launcher = 0;
    cr_assert(harness_wait(&h, 1, 60000, &record));
    cr_assert_eq(WEXITSTATUS(record.wait_status), 6);
}

// ---- too few descriptors ----

static void limit_descriptors(pid_t pid, rlim_t soft) {
    struct rlimit limit;

    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = soft == 0 ? limit.rlim_max : soft;
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

Test(messages, wait_for_descriptors) {
    LaunchRecord record;

    // From none to nearly enough for a launch: whatever is missing, nothing is lost and nothing fails for it.
    for (uint32_t spare = 0; spare < 8; spare++) {
        limit_descriptors(h.launcher, open_descriptors(h.launcher) + spare);
        harness_launch(&h, &(TestLaunch){ .arguments = SHELL("exit 5"), .attempt = spare + 1, .keep = true });
        if (spare == 0)
            cr_assert_not(harness_wait(&h, spare + 1, 300, &record));
        else
            sleep_msec(20);
        cr_assert_eq(waitpid(h.launcher, NULL, WNOHANG), 0);
        limit_descriptors(h.launcher, 0);
        cr_assert(harness_wait(&h, spare + 1, 60000, &record));
        cr_assert_eq(record.step, LAUNCH_STEP_NONE, "%u: step %u, %s", spare, record.step, strerror(record.error));
        cr_assert_eq(WEXITSTATUS(record.wait_status), 5);
    }
}

// ---- a launcher that listens ----

static pid_t listener;
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void listen_and_start(void) {
    harness_start(&h);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", h.path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(chmod(address.sun_path, 0666), 0);
    cr_assert_eq(listen(fd, 8), 0);
    listener = fork();
    if (listener == 0) {
        (void)close(h.socket);
        _exit(launcher_run(
            &(LauncherConfig){ .agent_fd = -1, .listen_fd = fd, .agent_uid = NOBODY, .policy = POLICY_ALL }));
    }
    (void)close(fd);
}

static void stop_listener(void) {
    if (listener > 0)
        (void)kill(listener, SIGTERM);
    harness_deinit(&h);
}

TestSuite(listening, .init = listen_and_start, .fini = stop_listener, .timeout = 30);

static Harness connected(void) {
    Harness other = h;

    other.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(other.socket, (struct sockaddr *)&address, sizeof(address)), 0);
    return other;
}

static void greet(const Harness *other) {
    LauncherHello message = hello();
    LauncherWelcome reply;

    harness_send(other, &message, sizeof(message), (int[]){ h.records_fd, h.output_fd }, 2);
    cr_assert_eq(harness_receive(other, &reply, sizeof(reply)), sizeof(reply));
}

Test(listening, one_agent_after_another) {
    char byte;
    Harness first = connected();
    greet(&first);
    (void)harness_run(&first, &(TestLaunch){ .arguments = SHELL("exit 0") });

    // The second takes the place of the first.
    Harness second = connected();
    greet(&second);
    cr_assert_eq(harness_receive(&first, &byte, 1), 0);
    (void)harness_run(&second, &(TestLaunch){ .arguments = SHELL("exit 0"), .attempt = 2 });

    // One that breaks the protocol loses its connection alone.
    harness_send(&second, "junk", 4, NULL, 0);
    cr_assert_eq(harness_receive(&second, &byte, 1), 0);
    Harness third = connected();
    greet(&third);
    (void)harness_run(&third, &(TestLaunch){ .arguments = SHELL("exit 0"), .attempt = 3 });
    (void)close(first.socket);
    (void)close(second.socket);
    (void)close(third.socket);
}

static unsigned long processor_ticks(pid_t pid) {
    char path[32], text[1024], *field;
    unsigned long ticks = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    cr_assert_geq(file_read_at(AT_FDCWD, path, text, sizeof(text)), 0);
    field = strrchr(text, ')');
    for (unsigned number = 2; number < 15; number++) {
        field = strchr(field + 1, ' ');
        if (number >= 13)
            ticks += strtoul(field, NULL, 10);
    }
    return ticks;
}

Test(listening, agents_wait_for_descriptors) {
    Harness first = connected();
    greet(&first); // it is up
    limit_descriptors(listener, 4);
    Harness agent = connected();
    unsigned long before = processor_ticks(listener);
    sleep_msec(1000);
    cr_assert_leq(processor_ticks(listener) - before, 20); // of 100: it does not turn in circles
    limit_descriptors(listener, 0);
    greet(&agent);
    (void)harness_run(&agent, &(TestLaunch){ .arguments = SHELL("exit 0") });
    (void)close(first.socket);
    (void)close(agent.socket);
}

Test(listening, others_are_refused) {
    LauncherHello message = hello();
    LauncherWelcome reply;
    Harness agent = connected();
    greet(&agent);

    for (unsigned i = 0; i < 2; i++) {
        uid_t uid = i == 0 ? 12345 : NOBODY;
        pid_t pid = fork();
        if (pid == 0) {
            if (setresuid(uid, uid, uid) < 0)
                _exit(3);
            Harness other = connected();
            // The refused one may find the connection closed before or after it has sent something.
            (void)send(other.socket, &message, 1, MSG_NOSIGNAL);
            _exit(recv(other.socket, &reply, sizeof(reply), 0) <= 0 ? 0 : 2);
        }
        int status;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
        if (i == 0) // and the agent has not noticed
            (void)harness_run(&agent, &(TestLaunch){ .arguments = SHELL("exit 0") });
    }
    // The user that may connect has taken the place of the agent.
    char byte;
    cr_assert_eq(harness_receive(&agent, &byte, 1), 0);
    (void)close(agent.socket);
}
