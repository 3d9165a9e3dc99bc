// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/launcher/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/launcher/launcher.h"
#include "base/cleanup.h"
#include "base/file.h"

#define WAIT_MSEC 10000

static const char *find_mount(void) {
    static const char *const places[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
    struct statfs fs;

    for (size_t i = 0; i < 2; i++)
        if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
            return places[i];
    return NULL;
}

static int make_directory(const Harness *harness, const char *name) {
    cr_assert_eq(mkdirat(harness->path_fd, name, 0700), 0);
    int fd = file_open_directory_at(harness->path_fd, name);
    cr_assert_geq(fd, 0);
    return fd;
}

static void remove_all(const Harness *harness) {
    char command[256];

    (void)file_write_at(harness->cgroup_fd, "cgroup.kill", "1");
    (void)harness_await_event(harness, "populated", 0);
    (void)snprintf(command, sizeof(command), "find %s -depth -type d -exec rmdir {} ';' && rm -r %s",
                   harness->cgroup_path, harness->path);
    cr_expect_eq(system(command), 0);
}

// Cleans up after a test that crashed or was killed for being late.
static pid_t start_janitor(const Harness *harness) {
    int test = pidfd_open(getpid(), 0);
    cr_assert_geq(test, 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid > 0) {
        (void)close(test);
        return pid;
    }
    (void)poll(&(struct pollfd){ .fd = test, .events = POLLIN }, 1, -1);
    remove_all(harness);
    _exit(0);
}

// The launcher inherits all this, and no task may see any of it.
static void take_what_is_not_passed_on(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    struct rlimit core;

    cr_assert_eq(getrlimit(RLIMIT_CORE, &core), 0);
    core.rlim_cur = core.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_CORE, &core), 0);
    cr_assert_neq(signal(SIGUSR2, SIG_IGN), SIG_ERR);
    cr_assert_eq(syscall(SYS_capget, &header, data), 0);
    data[0].inheritable = data[0].permitted;
    cr_assert_eq(syscall(SYS_capset, &header, data), 0);
    cr_assert_eq(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), 0);
}

// A process may be cloned into a cgroup only by one that may move it there: both are below one that is nobody's.
static int become_nobody(const Harness *harness) {
    AUTO_CLOSE int cgroup = -1;

    if (mkdirat(harness->cgroup_fd, "1.launcher", 0755) < 0)
        return -errno;
    cgroup = file_open_directory_at(harness->cgroup_fd, "1.launcher");
    int r = file_write_at(cgroup, "cgroup.procs", "0");
    if (r < 0)
        return r;
    if (fchownat(harness->cgroup_fd, "cgroup.procs", NOBODY, NOBODY, 0) < 0 ||
        fchown(harness->records_fd, NOBODY, NOBODY) < 0 || fchown(harness->output_fd, NOBODY, NOBODY) < 0 ||
        setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return -errno;
    // As after the execution of a program by that user: its own processes may look at it.
    return prctl(PR_SET_DUMPABLE, 1) < 0 ? -errno : 0;
}

static void start_launcher(Harness *harness, bool unprivileged) {
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    harness->socket = pair[0];
    harness->launcher = fork();
    cr_assert_geq(harness->launcher, 0);
    if (harness->launcher == 0) {
        (void)close(pair[0]);
        (void)umask(0077);
        if (unprivileged && become_nobody(harness) < 0)
            _exit(99);
        _exit(launcher_run(&(LauncherConfig){ .agent_fd = pair[1], .listen_fd = -1, .policy = POLICY_ALL }));
    }
    (void)close(pair[1]);
}

static void init(Harness *harness, bool unprivileged) {
    const char *mount = find_mount();

    if (geteuid() != 0 || !mount)
        cr_skip_test("needs root and cgroup v2");
    (void)strcpy(harness->path, "/tmp/corral-test.XXXXXX");
    cr_assert_not_null(mkdtemp(harness->path));
    cr_assert_eq(chmod(harness->path, 0777), 0);
    harness->path_fd = open(harness->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    harness->records_fd = make_directory(harness, "records");
    harness->output_fd = make_directory(harness, "output");
    (void)snprintf(harness->cgroup_path, sizeof(harness->cgroup_path), "%s/corral-test.%d", mount, getpid());
    cr_assert_eq(mkdir(harness->cgroup_path, 0755), 0, "%s: %s", harness->cgroup_path, strerror(errno));
    harness->cgroup_fd = open(harness->cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(harness->cgroup_fd, 0);
    harness->janitor = start_janitor(harness);

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    take_what_is_not_passed_on();
    start_launcher(harness, unprivileged);
}

void harness_init(Harness *harness) {
    init(harness, false);
}

void harness_greet(const Harness *harness) {
    LauncherHello hello = { { LAUNCHER_VERSION, LAUNCHER_HELLO } };
    LauncherWelcome reply;

    harness_send(harness, &hello, sizeof(hello), (int[]){ harness->records_fd, harness->output_fd }, 2);
    cr_assert_eq(harness_receive(harness, &reply, sizeof(reply)), sizeof(reply));
    cr_assert_eq(reply.header.verb, LAUNCHER_HELLO);
}

void harness_start(Harness *harness) {
    init(harness, false);
    harness_greet(harness);
}

void harness_start_unprivileged(Harness *harness) {
    init(harness, true);
    harness_greet(harness);
}

void harness_deinit(Harness *harness) {
    if (harness->cgroup_path[0] == '\0')
        return;
    (void)kill(harness->janitor, SIGKILL);
    (void)close(harness->socket);
    (void)file_write_at(harness->cgroup_fd, "cgroup.kill", "1");
    if (harness->launcher > 0)
        (void)kill(harness->launcher, SIGTERM);
    // The reapers write their last records, and then nothing writes here any more.
    for (unsigned i = 0; i < 1000 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
        sleep_msec(1);
    remove_all(harness);
}

static char *append(char *p, const char *text) {
    return stpcpy(p, text ? text : "") + 1;
}

static char *append_all(char *p, const char *const *texts, uint32_t *ret_n) {
    for (*ret_n = 0; texts && texts[*ret_n]; (*ret_n)++)
        p = append(p, texts[*ret_n]);
    return p;
}

size_t packet_build(TestPacket *packet, const TestLaunch *launch) {
    LaunchRequest *request = &packet->launch;
    const char *unkept = launch->keep ? "" : "/dev/null";

    *request = (LaunchRequest){
        .header = { LAUNCHER_VERSION, LAUNCHER_LAUNCH },
        .key = { .job = 7, .run = 1, .task = 2, .attempt = launch->attempt ? launch->attempt : 1 },
        .uid = launch->uid,
        .gid = launch->gid,
        .umask = launch->umask,
        .n_groups = launch->n_groups,
        .limits_set = launch->limits_set,
        .output_max = launch->output_max ? launch->output_max : 1 << 20,
    };
    memcpy(request->limits, launch->limits, sizeof(request->limits));
    char *groups = packet->bytes + sizeof(*request), *strings = groups + launch->n_groups * sizeof(*launch->groups);
    if (launch->n_groups > 0)
        memcpy(groups, launch->groups, launch->n_groups * sizeof(*launch->groups));
    char *p = append_all(strings, launch->arguments, &request->n_arguments);
    p = append_all(p, launch->environment, &request->n_environment);
    p = append(p, launch->directory ? launch->directory : "/");
    p = append(p, launch->input);
    p = append(p, launch->output ? launch->output : unkept);
    p = append(p, launch->error ? launch->error : unkept);
    request->strings_size = (uint32_t)(p - strings);
    return (size_t)(p - packet->bytes);
}

void harness_send(const Harness *harness, const void *message, size_t size, const int *fds, size_t n_fds) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
    struct iovec data = { .iov_base = (void *)message, .iov_len = size };
    struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

    if (n_fds > 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    cr_assert_eq(sendmsg(harness->socket, &header, MSG_NOSIGNAL), (ssize_t)size, "send: %s", strerror(errno));
}

size_t harness_receive(const Harness *harness, void *buffer, size_t size) {
    ssize_t n = recv(harness->socket, buffer, size, 0);

    cr_assert(n >= 0 || errno == ECONNRESET, "receive: %s", strerror(errno));
    return n < 0 ? 0 : (size_t)n;
}

void harness_launch(const Harness *harness, const TestLaunch *launch) {
    static TestPacket packet;

    size_t size = packet_build(&packet, launch);
    harness_send(harness, &packet, size, &harness->cgroup_fd, 1);
}

static AttemptKey key_of(uint32_t attempt) {
    return (AttemptKey){ .job = 7, .run = 1, .task = 2, .attempt = attempt };
}

bool harness_wait(const Harness *harness, uint32_t attempt, unsigned msec, LaunchRecord *ret) {
    char name[ATTEMPT_NAME_MAX], buffer[sizeof(*ret) + 1];
    AttemptKey key = key_of(attempt);

    attempt_file_name(name, &key, RECORD_SUFFIX);
    for (unsigned i = 0; i <= msec; i++) {
        ssize_t n = file_read_at(harness->records_fd, name, buffer, sizeof(buffer));
        if (n >= 0) {
            cr_assert_eq(n, sizeof(*ret));
            memcpy(ret, buffer, sizeof(*ret));
            return true;
        }
        sleep_msec(1);
    }
    return false;
}

LaunchRecord harness_run(const Harness *harness, const TestLaunch *launch) {
    LaunchRecord record = { 0 };

    harness_launch(harness, launch);
    cr_assert(harness_wait(harness, launch->attempt ? launch->attempt : 1, WAIT_MSEC, &record), "no record");
    return record;
}

bool harness_has(const Harness *harness, int dir_fd, uint32_t attempt, const char *suffix) {
    char name[ATTEMPT_NAME_MAX];
    AttemptKey key = key_of(attempt);

    (void)harness;
    return faccessat(dir_fd, attempt_file_name(name, &key, suffix), F_OK, 0) == 0;
}

static char text[1 << 20];

const char *harness_read(const Harness *harness, const char *name) {
    ssize_t n = file_read_at(harness->path_fd, name, text, sizeof(text));

    cr_assert_geq(n, 0, "%s: %s", name, strerror((int)-n));
    return text;
}

const char *harness_output(const Harness *harness, uint32_t attempt, const char *suffix) {
    char name[ATTEMPT_NAME_MAX], path[ATTEMPT_NAME_MAX + 8];
    AttemptKey key = key_of(attempt);

    (void)snprintf(path, sizeof(path), "output/%s", attempt_file_name(name, &key, suffix));
    return harness_read(harness, path);
}

pid_t harness_sleeper(const Harness *harness, int cgroup_fd) {
    int ready[2];
    char c;

    (void)harness;
    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_NAME, "a (sleeper) ) x");
        if (file_write_at(cgroup_fd, "cgroup.procs", "0") < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    cr_assert_eq(read(ready[0], &c, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

bool harness_await_event(const Harness *harness, const char *field, int value) {
    char events[128], wanted[32];

    (void)snprintf(wanted, sizeof(wanted), "%s %d\n", field, value);
    for (unsigned i = 0; i < WAIT_MSEC; i++) {
        if (file_read_at(harness->cgroup_fd, "cgroup.events", events, sizeof(events)) < 0)
            return false;
        if (strstr(events, wanted))
            return true;
        sleep_msec(1);
    }
    return false;
}

void harness_freeze(const Harness *harness, bool frozen) {
    cr_assert_eq(file_write_at(harness->cgroup_fd, "cgroup.freeze", frozen ? "1" : "0"), 0);
    cr_assert(harness_await_event(harness, "frozen", frozen));
}

void sleep_msec(unsigned msec) {
    (void)nanosleep(&(struct timespec){ .tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000L }, NULL);
}

pid_t harness_member(const Harness *harness) {
    char pids[64];

    for (unsigned i = 0; i < WAIT_MSEC; i++) {
        if (file_read_at(harness->cgroup_fd, "cgroup.procs", pids, sizeof(pids)) > 0)
            return atoi(pids);
        sleep_msec(1);
    }
    cr_assert_fail("no process in the cgroup");
    return 0;
}

// What follows the name of the command, empty when the process has gone.
static const char *read_stat(pid_t pid) {
    static char stat[512];
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (file_read_at(AT_FDCWD, path, stat, sizeof(stat)) < 0)
        return "";
    return strrchr(stat, ')') + 2;
}

char process_state(pid_t pid) {
    return read_stat(pid)[0];
}

pid_t process_parent(pid_t pid) {
    int parent = 0;

    cr_assert_eq(sscanf(read_stat(pid), "%*c %d", &parent), 1);
    return parent;
}
