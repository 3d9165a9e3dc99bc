// SPDX-License-Identifier: LGPL-2.1-or-later
// The process and its loop: one agent at a time, one message after another.
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/capabilities.h"
#include "agent/launcher/clone.h"
#include "agent/launcher/notify.h"
#include "agent/launcher/state.h"
#include "agent/launcher/verbs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/shortage.h"

// The last to go when memory is short, but not beyond the OOM killer's reach.
#define OOM_SCORE (-900)
#define OOM_SCORE_TEXT "-900"
#define SHORTAGE_PAUSE_MSEC 100

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

static int find_peer(int fd, uid_t *ret) {
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    *ret = peer.uid;
    return 0;
}

static int launcher_init(Launcher *launcher, const LauncherConfig *config) {
    launcher->config = *config;
    launcher->agent_fd = config->agent_fd;
    launcher->listen_fd = config->listen_fd;
    launcher->signal_fd = launcher->records_fd = launcher->output_fd = -1;
    launcher->identities = IDENTITIES_NULL;
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
    if (r >= 0 && launcher->privileged)
        r = capabilities_keep_needed();
    if (r >= 0 && config->groups_program)
        r = identities_init(&launcher->identities, config->groups_program);
    if (r >= 0 && launcher->agent_fd >= 0)
        r = find_peer(launcher->agent_fd, &launcher->agent_uid);
    return r;
}

static void launcher_disconnect(Launcher *launcher) {
    packet_close(&launcher->packet);
    launcher->held = false;
    launcher->agent_fd = close_fd(launcher->agent_fd);
    launcher->records_fd = close_fd(launcher->records_fd);
    launcher->output_fd = close_fd(launcher->output_fd);
}

static void launcher_deinit(Launcher *launcher) {
    launcher_disconnect(launcher);
    launcher->listen_fd = close_fd(launcher->listen_fd);
    launcher->signal_fd = close_fd(launcher->signal_fd);
    launcher->proc_fd = close_fd(launcher->proc_fd);
    identities_deinit(&launcher->identities);
}

// ---- the connection ----

// Told once, when it begins.
static void note_shortage(Launcher *launcher, int error) {
    if (!launcher->short_now)
        (void)log_errno(LOG_WARNING, error, "Messages wait");
    launcher->short_now = true;
}

// Returns 1 to go on, 0 at the end of the connection, a negative errno when it must not go on.
static int launcher_receive(Launcher *launcher) {
    Packet *packet = &launcher->packet;

    int r = launcher->held ? 1 : packet_receive(launcher->agent_fd, packet);
    // Told once when the agent has died with answers unread; what it sent before is still there.
    if (r == -ECONNRESET)
        return 1;
    if (is_shortage(r)) {
        note_shortage(launcher, r);
        return 1;
    }
    if (r <= 0)
        return r;
    r = verb_dispatch(launcher, packet);
    if (r > 0) {
        launcher->held = true;
        note_shortage(launcher, -r);
        return 1;
    }
    launcher->held = launcher->short_now = false;
    packet_close(packet);
    return r < 0 ? r : 1;
}

// ---- the loop ----

static void launcher_reap(Launcher *launcher) {
    int status;

    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        launcher->n_children--;
        if (pid == launcher->probe)
            continue; // it is there to be killed
        if (WIFSIGNALED(status))
            log_warning("Reaper %d was killed by signal %d.", pid, WTERMSIG(status));
        else if (WEXITSTATUS(status) != EXIT_SUCCESS)
            log_warning("Reaper %d exited with status %d.", pid, WEXITSTATUS(status));
    }
}

// What is under way goes on with what was decided; the next message meets the new policy.
static void launcher_reload(Launcher *launcher) {
    const char *path = launcher->config.policy_path;

    notify("RELOADING=1");
    if (path && policy_read(path, &launcher->config.policy) < 0)
        log_error("The configuration stays as it was.");
    else if (path)
        log_notice("Read the configuration again.");
    // An agent that does not take the news gets it when it greets again.
    if (launcher->records_fd >= 0 && verbs_tell_policy(launcher) < 0)
        launcher_disconnect(launcher);
    notify("READY=1");
}

// Returns whether to go on. A terminal's signals are for the agent, whose launcher then ends with the connection.
static bool launcher_take_signal(Launcher *launcher) {
    struct signalfd_siginfo info;
    bool go_on = true;

    while (read(launcher->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGTERM || (info.ssi_signo == SIGINT && launcher->listen_fd >= 0))
            go_on = false;
        else if (info.ssi_signo == SIGHUP && launcher->listen_fd >= 0)
            launcher_reload(launcher);
    launcher_reap(launcher);
    return go_on;
}

// A new agent takes the place of an old one: it has been started because the other is gone or about to go.
static void launcher_accept(Launcher *launcher) {
    AUTO_CLOSE int fd = accept4(launcher->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    uid_t uid = 0;

    int r = fd < 0 ? -errno : find_peer(fd, &uid);
    if (is_shortage(r)) {
        note_shortage(launcher, r);
        return;
    }
    if (r < 0) {
        (void)log_errno(LOG_WARNING, r, "Cannot accept a connection");
        return;
    }
    if (uid != 0 && uid != launcher->config.agent_uid) {
        log_warning("Refused a connection of user %u.", uid);
        return;
    }
    if (launcher->agent_fd >= 0)
        log_notice("Another agent connected, closing the connection of the first.");
    launcher_disconnect(launcher);
    launcher->agent_fd = TAKE_FD(fd);
    launcher->agent_uid = uid;
}

// Waits until there is something to do, and for a moment at least when something is short.
static int launcher_wait(const Launcher *launcher, struct pollfd fds[static 4]) {
    fds[0] = (struct pollfd){ .fd = launcher->agent_fd, .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = launcher->listen_fd, .events = POLLIN };
    fds[2] = (struct pollfd){ .fd = launcher->signal_fd, .events = POLLIN };
    fds[3] = (struct pollfd){ .fd = launcher->identities.read_fd, .events = POLLIN };
    if (launcher->short_now)
        (void)poll(&fds[2], 1, SHORTAGE_PAUSE_MSEC);
    return poll(fds, 4, launcher->held ? 0 : -1) < 0 && errno != EINTR ? -errno : 0;
}

static int launcher_loop(Launcher *launcher) {
    for (;;) {
        struct pollfd fds[4];

        int r = launcher_wait(launcher, fds);
        if (r < 0)
            return log_errno(LOG_ERR, r, "Cannot wait for messages");
        if (fds[3].revents)
            identities_receive(&launcher->identities);
        if (fds[2].revents && !launcher_take_signal(launcher))
            return 0;
        // A reload may have closed the connection.
        if (launcher->agent_fd >= 0 && (fds[0].revents || launcher->held)) {
            r = launcher_receive(launcher);
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
    else {
        notify("READY=1\nSTATUS=Starts the tasks of one agent.");
        r = launcher_loop(&launcher);
    }
    launcher_deinit(&launcher);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
