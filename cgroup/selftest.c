// SPDX-License-Identifier: LGPL-2.1-or-later
// One process, cloned into a scratch cgroup, frozen, killed while frozen, and waited for: what every cancel relies on.
#include "cgroup/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cgroup/cgroup.h"

#define NAME "selftest"
#define TIME_LIMIT (3 * USEC_PER_SEC)
#define LOOK_EVERY 5 // milliseconds, beside the notices: they are what is being tested

typedef struct Trial {
    Cgroup *cgroup;
    int events_fd;
    int pidfd;      // of the process in the cgroup; -1 when there is none of ours
    bool inhabited; // there is a process in it, ours or not
    uint64_t deadline;
    CgroupSelfTest result;
} Trial;

static void trial_deinit(Trial *trial) {
    trial->cgroup = cgroup_free(trial->cgroup);
    trial->events_fd = close_fd(trial->events_fd);
    trial->pidfd = close_fd(trial->pidfd);
}

// Keeps the first error and lets the trial go on.
static int note(Trial *trial, int r) {
    if (r < 0 && trial->result.error == 0)
        trial->result.error = r;
    return r;
}

static bool time_is_up(const Trial *trial) {
    return clock_boottime() >= trial->deadline;
}

__attribute__((noreturn)) static void sleep_for_ever(pid_t parent) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    // What the parent has open, its locks above all, is none of its business. The end of the pipe among it is the sign
    // that the process is ready.
    (void)syscall(SYS_close_range, 0U, ~0U, 0U);
    for (;;)
        (void)pause();
}

// The process must not be frozen before it is ready: it would outlive the parent, with everything that that had open.
static int wait_until_ready(const Trial *trial, int ready_fd) {
    struct pollfd ready = { .fd = ready_fd, .events = POLLIN };

    while (poll(&ready, 1, LOOK_EVERY) <= 0)
        if (time_is_up(trial))
            return -ETIMEDOUT;
    return 0;
}

static int clone_into(Trial *trial) {
    int pidfd = -1;
    // No exit signal: the caller's handling of its children hears nothing of this one.
    struct clone_args args = { .flags = CLONE_PIDFD | CLONE_INTO_CGROUP,
                               .pidfd = (uint64_t)(uintptr_t)&pidfd,
                               .cgroup = (uint64_t)cgroup_fd(trial->cgroup) };
    pid_t parent = getpid(), listed = 0;
    size_t total = 0;
    int ready[2];

    if (pipe2(ready, O_CLOEXEC) < 0)
        return -errno;
    AUTO_CLOSE int ready_fd = ready[0], unready_fd = ready[1];
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return -errno;
    if (pid == 0)
        sleep_for_ever(parent);
    trial->pidfd = pidfd;
    unready_fd = close_fd(unready_fd);
    int r = wait_until_ready(trial, ready_fd);
    if (r >= 0)
        r = cgroup_processes(trial->cgroup, &listed, 1, &total);
    if (r < 0)
        return r;
    trial->inhabited = total > 0;
    trial->result.clone_into = total == 1 && listed == pid;
    return trial->result.clone_into ? 0 : -EIO;
}

// By somebody who may what we may not.
static int spawn_into(Trial *trial, CgroupSpawn spawn, void *userdata) {
    pid_t listed;
    size_t total = 0;

    int r = spawn(cgroup_fd(trial->cgroup), userdata);
    if (r >= 0)
        r = cgroup_processes(trial->cgroup, &listed, 1, &total);
    if (r < 0)
        return r;
    trial->inhabited = total > 0;
    trial->result.clone_into = total == 1;
    return trial->result.clone_into ? 0 : -EIO;
}

// Waits for the next notice, at most milliseconds, and makes the descriptor ready for the one after it. 1 when it came.
static int wait_for_notice(const Trial *trial, int milliseconds) {
    struct pollfd events = { .fd = trial->events_fd, .events = POLLPRI };
    char text[256];

    int r = poll(&events, 1, milliseconds);
    if (r <= 0)
        return r < 0 && errno != EINTR ? -errno : 0;
    return TEMP_FAILURE_RETRY(pread(trial->events_fd, text, sizeof text, 0)) < 0 ? -errno : 1;
}

static void try_freeze(Trial *trial) {
    CgroupEvents events;

    if (note(trial, cgroup_freeze(trial->cgroup, true)) < 0)
        return;
    for (;;) {
        if (note(trial, cgroup_read_events(trial->cgroup, &events)) < 0)
            return;
        if (events.frozen)
            break;
        if (note(trial, time_is_up(trial) ? -ETIMEDOUT : wait_for_notice(trial, LOOK_EVERY)) < 0)
            return;
    }
    trial->result.freeze = true;
    // The notice of this change must not be taken for that of the kill.
    (void)note(trial, wait_for_notice(trial, LOOK_EVERY));
}

static void try_kill(Trial *trial) {
    CgroupEvents events = { 0 };
    uint64_t begin = clock_boottime();
    bool noticed = false;

    if (note(trial, cgroup_kill(trial->cgroup)) < 0)
        return;
    for (;;) {
        int r = note(trial, wait_for_notice(trial, LOOK_EVERY));
        uint64_t now = clock_boottime();
        if (r < 0 || note(trial, cgroup_read_events(trial->cgroup, &events)) < 0)
            return;
        trial->result.kill |= !events.populated;
        noticed |= r > 0 && !events.populated;
        if (noticed)
            trial->result.empty_notice_usec = now - begin;
        if (noticed || (trial->result.kill && !trial->inhabited)) // an empty cgroup has no change to tell of
            return;
        if (time_is_up(trial)) {
            (void)note(trial, -ETIMEDOUT);
            return;
        }
    }
}

// Ends the process by other means if the kill did not, and reaps it.
static void reap(Trial *trial) {
    struct pollfd exited = { .fd = trial->pidfd, .events = POLLIN };
    siginfo_t info;

    if (!trial->result.kill) {
        if (trial->pidfd >= 0)
            (void)syscall(SYS_pidfd_send_signal, trial->pidfd, SIGKILL, NULL, 0);
        (void)cgroup_freeze(trial->cgroup, false); // one that is not ours ends by itself
    }
    if (trial->pidfd < 0)
        return;
    while (poll(&exited, 1, LOOK_EVERY) <= 0 && !time_is_up(trial)) {
    }
    if (waitid((idtype_t)P_PIDFD, (id_t)trial->pidfd, &info, WEXITED | WNOHANG | __WALL) < 0)
        (void)note(trial, -errno);
}

// The kernel may call a cgroup busy for some milliseconds after its last process.
static int remove_patiently(const Trial *trial, int parent_fd) {
    int r;

    while ((r = cgroup_remove(parent_fd, NAME)) == -EBUSY && !time_is_up(trial))
        (void)poll(NULL, 0, 1);
    return r;
}

static int remove_leftover(const Trial *trial, int parent_fd) {
    AUTO_CGROUP Cgroup *leftover = NULL;

    int r = cgroup_open(parent_fd, NAME, &leftover);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    r = cgroup_kill(leftover);
    return r < 0 ? r : remove_patiently(trial, parent_fd);
}

int cgroup_self_test(int parent_fd, CgroupSpawn spawn, void *userdata, CgroupSelfTest *ret) {
    CLEANUP(trial_deinit)
    Trial trial = { .events_fd = -1,
                    .pidfd = -1,
                    .deadline = clock_boottime() + TIME_LIMIT,
                    .result.empty_notice_usec = CGROUP_UNKNOWN };

    int r = remove_leftover(&trial, parent_fd);
    if (r < 0)
        return r;
    r = cgroup_create(parent_fd, NAME, &trial.cgroup);
    if (r < 0)
        return r;
    r = spawn ? spawn_into(&trial, spawn, userdata) : clone_into(&trial);
    (void)note(&trial, r); // freezing and killing can be tried on an empty cgroup as well
    if (note(&trial, cgroup_open_events(trial.cgroup, &trial.events_fd)) == 0) {
        try_freeze(&trial);
        try_kill(&trial);
    }
    reap(&trial);
    (void)note(&trial, remove_patiently(&trial, parent_fd));
    *ret = trial.result;
    return 0;
}
