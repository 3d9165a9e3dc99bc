// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher-client.h"

#include "agent/attempt.h"
#include "agent/jobs.h"
#include "agent/journal.h"
#include "agent/launcher-reply.h"
#include "agent/records.h"
#include "agent/service.h"
#include "agent/stop.h"
#include "agent/timer.h"
#include "agent/tree.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_FIRST (50 * USEC_PER_MSEC)
#define PAUSE_LAST (5 * USEC_PER_SEC)
#define PROBE_WAIT_MSEC 1000
#define REPLY_MAX (sizeof(InspectReply) + INSPECT_MAX * sizeof(InspectedProcess))

struct Launcher {
    Agent *agent;
    int fd;
    bool connected; // the greeting was answered
    bool full;      // the socket takes no more for now
    Policy policy;  // of the one that is connected
    uint64_t pause;
    sd_event_source *io_source, *retry_source;
};

static void lost(Launcher *launcher);

bool launcher_connected(const Launcher *launcher) {
    return launcher && launcher->connected && !launcher->full;
}

bool launcher_is_there(const Launcher *launcher) {
    return launcher && launcher->connected;
}

bool launcher_allows(const Launcher *launcher, uid_t uid) {
    return !launcher_is_there(launcher) || policy_allows(&launcher->policy, uid);
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata);

// ---- sending ----

static int send_message(Launcher *launcher, const void *message, size_t size, const int *fds, size_t n_fds) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = { 0 };
    struct iovec part = { .iov_base = (void *)message, .iov_len = size };
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))
    };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, n_fds * sizeof(int));

    if (launcher->fd < 0)
        return -ENOTCONN;
    if (sendmsg(launcher->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return 0;
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ETOOMANYREFS: // too many descriptors are on their way
        launcher->full = true;
        (void)sd_event_source_set_io_events(launcher->io_source, EPOLLIN | EPOLLOUT);
        return -EAGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return -ENOTCONN; // the event loop will say so too
    default:
        return -errno;
    }
}

int launcher_launch(Launcher *launcher, const void *packet, size_t size, int cgroup) {
    return send_message(launcher, packet, size, &cgroup, 1);
}

int launcher_signal(Launcher *launcher, int cgroup, int signal, bool continue_after) {
    SignalRequest request = { .header = { LAUNCHER_VERSION, LAUNCHER_SIGNAL },
                              .signal = (uint32_t)signal,
                              .continue_after = continue_after };

    return send_message(launcher, &request, sizeof request, &cgroup, 1);
}

int launcher_inspect(Launcher *launcher, int cgroup, uint64_t cookie) {
    InspectRequest request = { .header = { LAUNCHER_VERSION, LAUNCHER_INSPECT }, .cookie = cookie, .max = INSPECT_MAX };

    return send_message(launcher, &request, sizeof request, &cgroup, 1);
}

// ---- receiving ----

// The answer to the greeting; and another one when the policy has changed.
static void on_welcome(Launcher *launcher, const LauncherWelcome *welcome) {
    launcher->policy.root_jobs = welcome->root_jobs == 1;
    launcher->policy.n_uids = welcome->n_uids;
    memcpy(launcher->policy.uids, welcome->uids, sizeof launcher->policy.uids);
    agent_touch(launcher->agent); // what waits is launched with the turn
    if (launcher->connected)
        return;
    launcher->connected = true;
    launcher->pause = PAUSE_FIRST;
    tree_test(launcher->agent);
    records_sweep_unnamed(launcher->agent->records); // of the one before, if it was killed
}

// 1 with a message, which lies in the buffer, 0 when there is none, a negative errno when the connection is of no use.
static int receive(const Launcher *launcher, void *buffer, size_t size, LauncherReply *ret) {
    ssize_t n = recv(launcher->fd, buffer, size, MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return n < 0 ? -errno : -ENOTCONN;
    int r = (size_t)n > size ? -EMSGSIZE : launcher_reply_parse(buffer, (size_t)n, ret);
    return r < 0 ? r : 1;
}

static void on_message(Launcher *launcher, const LauncherReply *reply) {
    if (reply->welcome)
        on_welcome(launcher, reply->welcome);
    else if (reply->inspect)
        stops_inspected(launcher->agent->jobs, reply->inspect, reply->processes);
    // Else a probe that was answered later than launcher_probe() would wait.
}

// The answer comes at once: the launcher does one thing after another. Others may come before it.
int launcher_probe(Launcher *launcher, int cgroup_fd) {
    ProbeRequest request = { .header = { LAUNCHER_VERSION, LAUNCHER_PROBE } };
    struct pollfd answer = { .fd = launcher->fd, .events = POLLIN };
    _Alignas(uint64_t) char message[REPLY_MAX];
    LauncherReply reply;

    int r = send_message(launcher, &request, sizeof request, &cgroup_fd, 1);
    if (r < 0)
        return r;
    for (;;) {
        if (poll(&answer, 1, PROBE_WAIT_MSEC) <= 0)
            return -ETIMEDOUT;
        r = receive(launcher, message, sizeof message, &reply);
        if (r < 0)
            return r;
        if (r > 0 && reply.probe)
            return -reply.probe->error;
        if (r > 0)
            on_message(launcher, &reply);
    }
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    _Alignas(uint64_t) char message[REPLY_MAX];
    Launcher *launcher = userdata;
    LauncherReply reply;

    (void)fd;
    if (events & EPOLLOUT) {
        launcher->full = false;
        (void)sd_event_source_set_io_events(source, EPOLLIN);
        agent_touch(launcher->agent);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return 0;
    int r = receive(launcher, message, sizeof message, &reply);
    if (r > 0)
        on_message(launcher, &reply);
    if (r == -EMSGSIZE || r == -EPROTO || r == -EBADMSG)
        log_errno(LOG_ERR, r, "the launcher sent what makes no sense; is it of another version?");
    if (r < 0)
        lost(launcher);
    return 0;
}

// ---- being connected ----

static void come_back(Launcher *launcher);

static int greet(Launcher *launcher, int fd) {
    LauncherHello hello = { .header = { LAUNCHER_VERSION, LAUNCHER_HELLO } };
    int fds[2] = { records_fd(launcher->agent->records), launcher->agent->output_fd };

    // Room for the longest launch beside others.
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 8 * LAUNCHER_MESSAGE_MAX }, sizeof(int));
    launcher->fd = fd;
    int r = sd_event_add_io(launcher->agent->event, &launcher->io_source, fd, EPOLLIN, on_socket, launcher);
    if (r >= 0)
        r = send_message(launcher, &hello, sizeof hello, fds, 2);
    return r;
}

static int connect_to(const char *path, int *ret_fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

// The program beside our own: where both are built, or where both are installed.
static int find_program(char path[static PATH_MAX]) {
    static const char *const places[] = { "corral-launcher", "launcher/corral-launcher" };
    char own[PATH_MAX];

    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    if (n < 0)
        return -errno;
    own[n] = '\0';
    *strrchr(own, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (snprintf(path, PATH_MAX, "%s/%s", own, places[i]) < PATH_MAX && access(path, X_OK) == 0)
            return 0;
    if (snprintf(path, PATH_MAX, "%s/corral-launcher", CORRAL_LIBEXECDIR) < PATH_MAX && access(path, X_OK) == 0)
        return 0;
    return -ENOENT;
}

static _Noreturn void become_launcher(const char *path, int fd, int procs_fd) {
    char number[16];
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    // Into <root>/launcher, so that it and the reapers are in no job's cgroup.
    if (write(procs_fd, "0", 1) != 1 || fcntl(fd, F_SETFD, 0) < 0)
        _exit(126);
    snprintf(number, sizeof number, "%d", fd);
    execl(path, "corral-launcher", "--fd", number, NULL);
    _exit(127);
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata) {
    (void)userdata;
    log_warning("the launcher has ended (%s %d); starting another", info->si_code == CLD_EXITED ? "code" : "signal",
                info->si_status);
    (void)sd_event_source_set_floating(source, false); // drops the event loop's reference, the only one
    return 0;                                          // its socket tells the rest
}

static int start_one(Launcher *launcher, int *ret_fd) {
    char path[PATH_MAX];
    int pair[2];

    int r = find_program(path);
    if (r < 0)
        return r;
    AUTO_CLOSE int dir = file_open_directory_at(launcher->agent->cgroup_root_fd, "launcher");
    AUTO_CLOSE int procs = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (dir < 0 || procs < 0)
        return dir < 0 ? dir : -errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    AUTO_CLOSE int ours = pair[0], theirs = pair[1];

    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become_launcher(path, theirs, procs);
    // Each is watched for itself: one whose socket is closed may still live when the next is started.
    r = sd_event_add_child(launcher->agent->event, NULL, pid, WEXITED, on_child, NULL);
    if (r < 0)
        log_errno(LOG_WARNING, r, "cannot watch the launcher");
    *ret_fd = TAKE_FD(ours);
    return 0;
}

static void begin(Launcher *launcher) {
    const char *path = launcher->agent->config.launcher_socket;
    int fd = -1;

    int r = path ? connect_to(path, &fd) : start_one(launcher, &fd);
    if (r >= 0)
        r = greet(launcher, fd);
    if (r >= 0)
        return;
    if (launcher->pause >= USEC_PER_SEC || launcher->pause == PAUSE_FIRST)
        log_errno(LOG_ERR, r, path ? "cannot connect to the launcher at %s" : "cannot start a launcher%s",
                  path ? path : "");
    if (!path)
        (void)tree_is_lost(launcher->agent); // it would have been started in there
    lost(launcher);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
    (void)source;
    (void)usec;
    begin(userdata);
    return 0;
}

static void come_back(Launcher *launcher) {
    int r = timer_set(launcher->agent->event, &launcher->retry_source, launcher->pause, 0, on_retry, launcher);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set a timer: no launcher from now on");
    launcher->pause = 2 * launcher->pause < PAUSE_LAST ? 2 * launcher->pause : PAUSE_LAST;
}

static void lost(Launcher *launcher) {
    bool was_connected = launcher->connected;

    launcher->connected = launcher->full = false;
    launcher->io_source = sd_event_source_disable_unref(launcher->io_source);
    launcher->fd = close_fd(launcher->fd);
    if (was_connected) {
        journal_agent(EVENT_LAUNCHER_LOST, "the launcher is gone: running tasks go on, new ones wait for another");
        service_touch(launcher->agent->service);
        attempts_launcher_lost(launcher->agent->jobs);
    }
    come_back(launcher);
}

int launcher_new(Agent *agent, Launcher **ret) {
    Launcher *launcher = calloc(1, sizeof *launcher);

    if (!launcher)
        return -ENOMEM;
    launcher->agent = agent;
    launcher->fd = -1;
    launcher->pause = PAUSE_FIRST;
    begin(launcher);
    *ret = launcher;
    return 0;
}

Launcher *launcher_free(Launcher *launcher) {
    if (!launcher)
        return NULL;
    sd_event_source_disable_unref(launcher->io_source);
    sd_event_source_disable_unref(launcher->retry_source);
    close_fd(launcher->fd);
    free(launcher);
    return NULL;
}
