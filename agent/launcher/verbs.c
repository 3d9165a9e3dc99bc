// SPDX-License-Identifier: LGPL-2.1-or-later
// Checks a message, acts, forgets. What may take long (a task, signals to thousands of processes) is done by a forked
// process, so that no message waits for it.
#include "agent/launcher/verbs.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/launcher/claim.h"
#include "agent/launcher/clone.h"
#include "agent/launcher/inspect.h"
#include "agent/launcher/members.h"
#include "agent/launcher/reaper.h"
#include "agent/launcher/tree.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/shortage.h"

// As many as a machine has processes by default, twice: an agent gone mad is stopped somewhere.
#define CHILDREN_MAX 65536u
#define PROBE_SECONDS 2

// Forks a process that has none of the launcher's connections and that only SIGKILL can end. Returns as fork(2).
static pid_t launcher_fork(Launcher *launcher, int cgroup_fd) {
    sigset_t all;

    if (launcher->n_children >= CHILDREN_MAX)
        return -EAGAIN;
    pid_t pid = clone_fork(cgroup_fd);
    if (pid > 0)
        launcher->n_children++;
    if (pid != 0)
        return pid;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)close_fd(launcher->agent_fd);
    (void)close_fd(launcher->listen_fd);
    (void)close_fd(launcher->signal_fd);
    (void)close_fd(launcher->proc_fd);
    return 0;
}

static int launcher_reply(const Launcher *launcher, const struct iovec *parts, size_t n) {
    struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n };

    // An agent that does not read its answers is not waited for.
    return sendmsg(launcher->agent_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

// ---- greeting ----

// The launcher makes files in these with the rights of root: they have to be the agent's own, and nobody else's.
static int check_directory(const Launcher *launcher, int fd) {
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    if (launcher->privileged && (st.st_uid != launcher->agent_uid || (st.st_mode & (S_IWGRP | S_IWOTH))))
        return -EPERM;
    return 0;
}

int verbs_tell_policy(const Launcher *launcher) {
    const Policy *policy = &launcher->config.policy;
    LauncherWelcome message = {
        .header = { LAUNCHER_VERSION, LAUNCHER_HELLO },
        .root_jobs = policy->root_jobs,
        .n_uids = policy->n_uids,
    };

    memcpy(message.uids, policy->uids, sizeof(message.uids));
    return launcher_reply(launcher, &(struct iovec){ &message, sizeof(message) }, 1);
}

static int handle_hello(Launcher *launcher, Packet *packet) {
    if (launcher->records_fd >= 0)
        return -EALREADY;
    for (size_t i = 0; i < packet->n_fds; i++) {
        int r = check_directory(launcher, packet->fds[i]);
        if (r < 0)
            return r;
    }
    launcher->records_fd = TAKE_FD(packet->fds[0]);
    launcher->output_fd = TAKE_FD(packet->fds[1]);
    return verbs_tell_policy(launcher);
}

// ---- launching ----

static void set_title(const Launcher *launcher) {
    char name[ATTEMPT_NAME_MAX];

    if (launcher->config.title_size == 0)
        return;
    memset(launcher->config.title, 0, launcher->config.title_size);
    (void)snprintf(launcher->config.title, launcher->config.title_size, "corral-reaper %s",
                   attempt_file_name(name, &launcher->launch.request->key, ""));
}

static void record_failure(Reaper *reaper, LaunchStep step, int error) {
    char name[ATTEMPT_NAME_MAX];

    attempt_file_name(name, &reaper->launch->request->key, "");
    (void)log_errno(LOG_ERR, error, "Attempt %s: cannot %s", name, launch_step_text(step));
    int r = reaper_record_failure(reaper, step, error);
    if (r < 0 && r != -EEXIST)
        (void)log_errno(LOG_ERR, r, "Attempt %s: cannot write its record", name);
}

// Whether the launch may be made, as far as that can be told without waiting.
static bool is_allowed(Launcher *launcher, Reaper *reaper) {
    const LaunchRequest *request = launcher->launch.request;

    if (!policy_allows(&launcher->config.policy, request->uid)) {
        record_failure(reaper, LAUNCH_STEP_POLICY, -EPERM);
        return false;
    }
    if (!launcher->identities.program)
        return true;
    switch (identities_check(&launcher->identities, &launcher->launch)) {
    case IDENTITY_CONFIRMED:
        return true;
    case IDENTITY_UNKNOWN:
        reaper->identities = &launcher->identities;
        return true;
    case IDENTITY_REFUSED:
        break;
    }
    record_failure(reaper, LAUNCH_STEP_USER, -EPERM);
    return false;
}

// birthplace: where reapers live, a negative errno when that cannot be had.
static void start_reaper(Launcher *launcher, Reaper *reaper, int birthplace) {
    pid_t pid = launcher->config.cgroup_root && birthplace < 0 ? birthplace : launcher_fork(launcher, birthplace);
    if (pid == 0) {
        set_title(launcher);
        _exit(reaper_run(reaper));
    }
    if (pid < 0)
        record_failure(reaper, LAUNCH_STEP_FORK, pid);
}

static int handle_launch(Launcher *launcher, Packet *packet) {
    const char *root = launcher->config.cgroup_root;
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
    memcpy(reaper.boot_id, launcher->boot_id, sizeof(reaper.boot_id));
    AUTO_CLOSE int birthplace = root ? tree_open_launcher(root) : -1;
    if (root && is_shortage(birthplace))
        return -birthplace;
    // Made here, so that a reaper that is killed as soon as it exists leaves something to be told of; without room for
    // it there is none. Whatever else keeps it from being made, the reaper has the time to try again.
    r = claim_create(reaper.records_fd, &launcher->launch.request->key, &reaper.claim_fd);
    if (r == -EEXIST)
        return 0;
    if (is_shortage(r))
        return -r;
    if (is_allowed(launcher, &reaper))
        start_reaper(launcher, &reaper, birthplace);
    (void)close_fd(reaper.claim_fd);
    return 0;
}

// ---- signals and evidence ----

static int handle_signal(Launcher *launcher, Packet *packet) {
    const SignalRequest *request = &packet->signal;

    if (request->signal < 1 || request->signal > (uint32_t)SIGRTMAX || request->continue_after > 1)
        return -EBADMSG;
    pid_t pid = launcher_fork(launcher, -1);
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

// A process that does nothing, for the agent to freeze and kill: it tests the kernel with it.
static int handle_probe(Launcher *launcher, Packet *packet) {
    ProbeReply reply = { .header = { LAUNCHER_VERSION, LAUNCHER_PROBE } };

    pid_t pid = launcher_fork(launcher, packet->fds[0]);
    if (pid == 0) {
        (void)close_range(0, ~0u, 0);
        (void)nanosleep(&(struct timespec){ .tv_sec = PROBE_SECONDS }, NULL);
        _exit(EXIT_SUCCESS);
    }
    if (pid < 0)
        reply.error = -pid;
    else
        reply.pid = launcher->probe = pid;
    return launcher_reply(launcher, &(struct iovec){ &reply, sizeof(reply) }, 1);
}

// ---- the table ----

// Any change of the protocol is a change of this table.
static const struct {
    size_t size_min, size_max;
    size_t n_fds;
    bool cgroup; // its descriptor is that of a cgroup of a job, and it needs a HELLO before
    int (*handle)(Launcher *launcher, Packet *packet);
} verbs[_LAUNCHER_VERB_LAST + 1] = {
    [LAUNCHER_HELLO] = { sizeof(LauncherHello), sizeof(LauncherHello), 2, false, handle_hello },
    [LAUNCHER_LAUNCH] = { sizeof(LaunchRequest), LAUNCHER_MESSAGE_MAX, 1, true, handle_launch },
    [LAUNCHER_SIGNAL] = { sizeof(SignalRequest), sizeof(SignalRequest), 1, true, handle_signal },
    [LAUNCHER_INSPECT] = { sizeof(InspectRequest), sizeof(InspectRequest), 1, true, handle_inspect },
    [LAUNCHER_PROBE] = { sizeof(ProbeRequest), sizeof(ProbeRequest), 1, true, handle_probe },
};

static bool is_cgroup(int fd) {
    struct stat st;
    struct statfs fs;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

// A tree that has gone since, because its unit was stopped, is not the agent's fault: then nothing in it can be either.
static int check_cgroup(const Launcher *launcher, int fd) {
    if (launcher->records_fd < 0 || !is_cgroup(fd))
        return -EBADMSG;
    return launcher->config.cgroup_root ? tree_check(launcher->config.cgroup_root, fd) : 0;
}

int verb_dispatch(Launcher *launcher, Packet *packet) {
    const LauncherHeader *header = &packet->header;

    if (packet->size < sizeof(*header) || header->version != LAUNCHER_VERSION || header->verb > _LAUNCHER_VERB_LAST ||
        !verbs[header->verb].handle)
        return -EPROTO;
    if (packet->size < verbs[header->verb].size_min || packet->size > verbs[header->verb].size_max ||
        packet->n_fds != verbs[header->verb].n_fds)
        return -EBADMSG;
    if (verbs[header->verb].cgroup) {
        int r = check_cgroup(launcher, packet->fds[0]);
        if (r < 0)
            return is_shortage(r) ? -r : r;
    }
    return verbs[header->verb].handle(launcher, packet);
}
