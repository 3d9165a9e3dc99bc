// SPDX-License-Identifier: LGPL-2.1-or-later
// Receives a message, checks it, acts, forgets. Nothing is kept between two messages but the agent's two directories.
// What may take long (a task, signals to thousands of processes) is done by a forked process, so that no message waits
// for it.
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/claim.h"
#include "agent/launcher/clone.h"
#include "agent/launcher/inspect.h"
#include "agent/launcher/members.h"
#include "agent/launcher/packet.h"
#include "agent/launcher/reaper.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"

// The last to go when memory is short, but not beyond the OOM killer's reach.
#define OOM_SCORE (-900)
#define OOM_SCORE_TEXT "-900"

typedef struct Launcher {
    LauncherConfig config;
    int agent_fd, listen_fd, signal_fd, proc_fd;
    int records_fd, output_fd; // of the agent that is connected, -1 before its HELLO
    void *stack;
    bool privileged;
    bool protected_from_oom;
    char boot_id[BOOT_ID_TEXT];
    Packet packet;
    Launch launch;
} Launcher;

// ---- this process ----

// Makes the process what reaper_run() wants: no signal is ignored; those it would die of are read from a descriptor.
static int launcher_take_signals(Launcher *launcher) {
    sigset_t set;

    for (int i = 1; i <= SIGRTMAX; i++)
        (void)signal(i, SIG_DFL); // fails for the two that cannot be ignored and those of the C library
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return -errno;
    launcher->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return launcher->signal_fd < 0 ? -errno : 0;
}

static int read_oom_score(int proc_fd, int64_t *ret) {
    char text[16];

    ssize_t n = file_read_line_at(proc_fd, "self/oom_score_adj", text, sizeof(text));
    return n < 0 ? (int)n : parse_int64(text, -1000, 1000, ret);
}

// The reapers inherit the protection; the tasks do not.
static int launcher_protect(Launcher *launcher) {
    int64_t score;

    int r = read_oom_score(launcher->proc_fd, &score);
    if (r < 0)
        return r;
    // Not granted everywhere: then it stays as it is.
    if (score > OOM_SCORE && file_write_at(launcher->proc_fd, "self/oom_score_adj", OOM_SCORE_TEXT) >= 0)
        score = OOM_SCORE;
    launcher->protected_from_oom = score < 0;
    return 0;
}

static int launcher_init(Launcher *launcher, const LauncherConfig *config) {
    launcher->config = *config;
    launcher->agent_fd = config->agent_fd;
    launcher->listen_fd = config->listen_fd;
    launcher->signal_fd = launcher->records_fd = launcher->output_fd = -1;
    launcher->privileged = geteuid() == 0;
    launcher->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (launcher->proc_fd < 0)
        return -errno;
    int r = launcher_take_signals(launcher);
    if (r >= 0)
        r = launcher_protect(launcher);
    if (r >= 0)
        r = clock_boot_id(launcher->boot_id);
    if (r >= 0)
        r = clone_stack_new(&launcher->stack);
    return r;
}

static void launcher_disconnect(Launcher *launcher) {
    launcher->agent_fd = close_fd(launcher->agent_fd);
    launcher->records_fd = close_fd(launcher->records_fd);
    launcher->output_fd = close_fd(launcher->output_fd);
}

static void launcher_deinit(Launcher *launcher) {
    launcher_disconnect(launcher);
    launcher->listen_fd = close_fd(launcher->listen_fd);
    launcher->signal_fd = close_fd(launcher->signal_fd);
    launcher->proc_fd = close_fd(launcher->proc_fd);
}

// Forks a process that has none of the launcher's connections and that only SIGKILL can end. Returns as fork(2).
static pid_t launcher_fork(Launcher *launcher) {
    sigset_t all;

    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : pid;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)close(launcher->agent_fd);
    (void)close_fd(launcher->listen_fd);
    (void)close(launcher->signal_fd);
    (void)close(launcher->proc_fd);
    return 0;
}

// ---- messages: each returns a negative errno when the agent has broken the protocol or cannot be answered ----

static int launcher_reply(const Launcher *launcher, const struct iovec *parts, size_t n) {
    struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n };

    // An agent that does not read its answers is not waited for.
    return sendmsg(launcher->agent_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int handle_hello(Launcher *launcher, Packet *packet) {
    struct stat st;
    LauncherHello reply = { .header = { LAUNCHER_VERSION, LAUNCHER_HELLO } };

    if (launcher->records_fd >= 0)
        return -EALREADY;
    for (size_t i = 0; i < packet->n_fds; i++)
        if (fstat(packet->fds[i], &st) < 0 || !S_ISDIR(st.st_mode))
            return -ENOTDIR;
    launcher->records_fd = TAKE_FD(packet->fds[0]);
    launcher->output_fd = TAKE_FD(packet->fds[1]);
    return launcher_reply(launcher, &(struct iovec){ &reply, sizeof(reply) }, 1);
}

static void set_title(const Launcher *launcher) {
    char name[ATTEMPT_NAME_MAX];

    if (launcher->config.title_size == 0)
        return;
    memset(launcher->config.title, 0, launcher->config.title_size);
    (void)snprintf(launcher->config.title, launcher->config.title_size, "corral-reaper %s",
                   attempt_file_name(name, &launcher->launch.request->key, ""));
}

static int handle_launch(Launcher *launcher, Packet *packet) {
    char name[ATTEMPT_NAME_MAX];
    Reaper reaper = {
        .launch = &launcher->launch,
        .records_fd = launcher->records_fd,
        .output_fd = launcher->output_fd,
        .claim_fd = -1,
        .cgroup_fd = packet->fds[0],
        .stack = launcher->stack,
        .privileged = launcher->privileged,
        .reset_oom = launcher->protected_from_oom,
    };

    int r = launch_parse(packet->bytes, packet->size, &launcher->launch);
    if (r < 0)
        return r;
    // Made here, so that a reaper that is killed as soon as it exists leaves something to be told of. Whatever else
    // keeps it from being made, the reaper has the time to try again.
    r = claim_create(reaper.records_fd, &launcher->launch.request->key, &reaper.claim_fd);
    if (r == -EEXIST)
        return 0;
    memcpy(reaper.boot_id, launcher->boot_id, sizeof(reaper.boot_id));
    pid_t pid = launcher_fork(launcher);
    if (pid == 0) {
        set_title(launcher);
        _exit(reaper_run(&reaper));
    }
    if (pid < 0) {
        attempt_file_name(name, &launcher->launch.request->key, "");
        (void)log_errno(LOG_ERR, pid, "Attempt %s: cannot fork a reaper", name);
        r = reaper_record_failure(&reaper, LAUNCH_STEP_FORK, pid);
        if (r < 0 && r != -EEXIST)
            (void)log_errno(LOG_ERR, r, "Attempt %s: cannot write its record", name);
    }
    (void)close_fd(reaper.claim_fd);
    return 0;
}

static int handle_signal(Launcher *launcher, Packet *packet) {
    const SignalRequest *request = &packet->signal;

    if (request->signal < 1 || request->signal > (uint32_t)SIGRTMAX || request->continue_after > 1)
        return -EBADMSG;
    pid_t pid = launcher_fork(launcher);
    if (pid < 0)
        log_warning("Cannot fork to send signals (%s), sending them at once.", strerror(-pid));
    if (pid > 0)
        return 0;
    int r = members_signal(packet->fds[0], (int)request->signal, request->continue_after != 0);
    if (r < 0)
        (void)log_errno(LOG_WARNING, r, "Cannot send signal %u to a cgroup", request->signal);
    if (pid == 0)
        _exit(EXIT_SUCCESS);
    return 0;
}

static int handle_inspect(Launcher *launcher, Packet *packet) {
    static InspectedProcess processes[INSPECT_MAX];
    const InspectRequest *request = &packet->inspect;
    InspectReply reply = { .header = { LAUNCHER_VERSION, LAUNCHER_INSPECT }, .cookie = request->cookie };

    if (request->max > INSPECT_MAX || request->padding != 0)
        return -EBADMSG;
    int n = inspect_members(packet->fds[0], launcher->proc_fd, processes, request->max, &reply.total);
    if (n < 0) {
        (void)log_errno(LOG_WARNING, n, "Cannot look at a cgroup");
        n = 0;
    }
    reply.n = (uint32_t)n;
    struct iovec parts[] = { { &reply, sizeof(reply) }, { processes, reply.n * sizeof(processes[0]) } };
    return launcher_reply(launcher, parts, 2);
}

// Any change of the protocol is a change of this table.
static const struct {
    size_t size_min, size_max;
    size_t n_fds;
    bool cgroup; // its descriptor is that of a cgroup, and it needs a HELLO before
    int (*handle)(Launcher *launcher, Packet *packet);
} verbs[_LAUNCHER_VERB_LAST + 1] = {
    [LAUNCHER_HELLO] = { sizeof(LauncherHello), sizeof(LauncherHello), 2, false, handle_hello },
    [LAUNCHER_LAUNCH] = { sizeof(LaunchRequest), LAUNCHER_MESSAGE_MAX, 1, true, handle_launch },
    [LAUNCHER_SIGNAL] = { sizeof(SignalRequest), sizeof(SignalRequest), 1, true, handle_signal },
    [LAUNCHER_INSPECT] = { sizeof(InspectRequest), sizeof(InspectRequest), 1, true, handle_inspect },
};

static bool is_cgroup(int fd) {
    struct stat st;
    struct statfs fs;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static int launcher_dispatch(Launcher *launcher, Packet *packet) {
    const LauncherHeader *header = &packet->header;

    if (packet->size < sizeof(*header) || header->version != LAUNCHER_VERSION || header->verb > _LAUNCHER_VERB_LAST ||
        !verbs[header->verb].handle)
        return -EPROTO;
    if (packet->size < verbs[header->verb].size_min || packet->size > verbs[header->verb].size_max ||
        packet->n_fds != verbs[header->verb].n_fds)
        return -EBADMSG;
    if (verbs[header->verb].cgroup && (launcher->records_fd < 0 || !is_cgroup(packet->fds[0])))
        return -EBADMSG;
    return verbs[header->verb].handle(launcher, packet);
}

// Returns 1 to go on, 0 at the end of the connection, a negative errno when it must not go on.
static int launcher_receive(Launcher *launcher) {
    Packet *packet = &launcher->packet;

    int r = packet_receive(launcher->agent_fd, packet);
    // Told once when the agent has died with answers unread; what it sent before is still there.
    if (r == -ECONNRESET)
        return 1;
    if (r <= 0)
        return r;
    r = launcher_dispatch(launcher, packet);
    packet_close(packet);
    return r < 0 ? r : 1;
}

// ---- the loop ----

static void launcher_reap(void) {
    int status;

    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (WIFSIGNALED(status))
            log_warning("Reaper %d was killed by signal %d.", pid, WTERMSIG(status));
        else if (WEXITSTATUS(status) != EXIT_SUCCESS)
            log_warning("Reaper %d exited with status %d.", pid, WEXITSTATUS(status));
}

// Returns whether to go on. A terminal's signals are for the agent, whose launcher then ends with the connection.
static bool launcher_take_signal(Launcher *launcher) {
    struct signalfd_siginfo info;
    bool go_on = true;

    while (read(launcher->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGTERM || (info.ssi_signo != SIGCHLD && launcher->listen_fd >= 0))
            go_on = false;
    launcher_reap();
    return go_on;
}

// A new agent takes the place of an old one: it has been started because the other is gone or about to go.
static void launcher_accept(Launcher *launcher) {
    struct ucred peer;
    socklen_t size = sizeof(peer);
    AUTO_CLOSE int fd = accept4(launcher->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        (void)log_errno(LOG_WARNING, -errno, "Cannot accept a connection");
        return;
    }
    if (peer.uid != 0 && peer.uid != launcher->config.agent_uid) {
        log_warning("Refused a connection of user %u.", peer.uid);
        return;
    }
    if (launcher->agent_fd >= 0)
        log_notice("Another agent connected, closing the connection of the first.");
    launcher_disconnect(launcher);
    launcher->agent_fd = TAKE_FD(fd);
}

static int launcher_loop(Launcher *launcher) {
    for (;;) {
        struct pollfd fds[] = {
            { .fd = launcher->agent_fd, .events = POLLIN },
            { .fd = launcher->listen_fd, .events = POLLIN },
            { .fd = launcher->signal_fd, .events = POLLIN },
        };

        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return log_errno(LOG_ERR, -errno, "Cannot wait for messages");
        if (fds[2].revents && !launcher_take_signal(launcher))
            return 0;
        if (fds[0].revents) {
            int r = launcher_receive(launcher);
            if (r < 0)
                (void)log_errno(LOG_ERR, r, "Closing the connection of an agent that broke the protocol");
            if (r <= 0)
                launcher_disconnect(launcher);
            if (r <= 0 && launcher->listen_fd < 0)
                return r;
        }
        if (fds[1].revents)
            launcher_accept(launcher);
    }
}

int launcher_run(const LauncherConfig *config) {
    static Launcher launcher;

    int r = launcher_init(&launcher, config);
    if (r < 0)
        (void)log_errno(LOG_ERR, r, "Cannot start");
    else
        r = launcher_loop(&launcher);
    launcher_deinit(&launcher);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
