// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/members.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH_MAX 64
#define PIDS_CHUNK 4096

// The kernel's largest pid is below this (PID_MAX_LIMIT).
#define PID_LIMIT (4 * 1024 * 1024)

#define SIGNAL_ROUNDS 64
// How many processes are held at once; stays below the customary limit of 1024 descriptors.
#define SIGNAL_BATCH 768

// ---- looking ----

// One decimal number a line; numbers may be cut by the end of a chunk.
static int walk_procs(int cgroup_fd, MemberFunction function, void *userdata) {
    AUTO_CLOSE int fd = openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;

    char chunk[PIDS_CHUNK];
    pid_t pid = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        // Gone, or threaded: those processes are listed by the cgroup that is the root of the threaded ones.
        if (n < 0)
            return errno == ENODEV || errno == EOPNOTSUPP ? 0 : -errno;
        if (n == 0)
            return 0;
        for (ssize_t i = 0; i < n; i++) {
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                pid = pid * 10 + (chunk[i] - '0');
                continue;
            }
            int r = pid > 0 ? function(pid, userdata) : 0;
            if (r < 0)
                return r;
            pid = 0;
        }
    }
}

static int walk(int cgroup_fd, unsigned depth, MemberFunction function, void *userdata);

static int walk_children(int cgroup_fd, unsigned depth, MemberFunction function, void *userdata) {
    _Alignas(struct dirent64) char entries[2048];
    AUTO_CLOSE int fd = openat(cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;

    for (;;) {
        ssize_t n = getdents64(fd, entries, sizeof(entries));
        if (n < 0)
            return errno == ENOENT ? 0 : -errno;
        if (n == 0)
            return 0;
        for (ssize_t i = 0; i < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + i);

            i += entry->d_reclen;
            if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            AUTO_CLOSE int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (child < 0 && errno == ENOENT)
                continue;
            int r = child < 0 ? -errno : walk(child, depth + 1, function, userdata);
            if (r < 0)
                return r;
        }
    }
}

// A cgroup's directory has as many links as it has children, plus two: most have none and need not be listed.
static bool has_children(int cgroup_fd) {
    struct stat st;

    return fstat(cgroup_fd, &st) < 0 || st.st_nlink != 2;
}

static int walk(int cgroup_fd, unsigned depth, MemberFunction function, void *userdata) {
    if (depth > DEPTH_MAX)
        return -ELOOP;
    int r = walk_procs(cgroup_fd, function, userdata);
    if (r < 0 || !has_children(cgroup_fd))
        return r;
    return walk_children(cgroup_fd, depth, function, userdata);
}

int members_walk(int cgroup_fd, MemberFunction function, void *userdata) {
    return walk(cgroup_fd, 0, function, userdata);
}

// ---- signalling ----

typedef struct Held {
    pid_t pid;
    int fd;
    bool member; // seen again in the subtree while it was held
} Held;

typedef struct Delivery {
    uint8_t *done; // one bit a pid: signalled, or not ours to signal
    Held held[SIGNAL_BATCH];
    size_t n;
} Delivery;

static bool is_done(const Delivery *delivery, pid_t pid) {
    return delivery->done[pid / 8] & 1u << pid % 8;
}

static void set_done(Delivery *delivery, pid_t pid) {
    delivery->done[pid / 8] |= (uint8_t)(1u << pid % 8);
}

static int hold(pid_t pid, void *userdata) {
    Delivery *delivery = userdata;

    if (pid <= 1 || pid >= PID_LIMIT || is_done(delivery, pid) || pid == getpid() || pid == getppid())
        return 0;
    if (delivery->n == SIGNAL_BATCH)
        return -EXFULL;
    int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
    set_done(delivery, pid);
    delivery->held[delivery->n++] = (Held){ .pid = pid, .fd = fd };
    return 0;
}

static int compare_held(const void *a, const void *b) {
    const Held *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

static int confirm(pid_t pid, void *userdata) {
    Delivery *delivery = userdata;
    Held *held = bsearch(&(Held){ .pid = pid }, delivery->held, delivery->n, sizeof(Held), compare_held);

    if (held)
        held->member = true;
    return 0;
}

// The pid was listed when it was held already: if the process that is held still lives, it was the one that was listed.
static int deliver(Delivery *delivery, int signal, bool continue_after) {
    int sent = 0;

    for (size_t i = 0; i < delivery->n; i++) {
        const Held *held = &delivery->held[i];

        if (held->member && pidfd_send_signal(held->fd, signal, NULL, 0) >= 0) {
            sent++;
            if (continue_after)
                (void)pidfd_send_signal(held->fd, SIGCONT, NULL, 0);
        }
        (void)close(held->fd);
    }
    return sent;
}

int members_signal(int cgroup_fd, int signal, bool continue_after) {
    static Delivery delivery;
    int sent = 0;

    delivery.done = mmap(NULL, PID_LIMIT / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (delivery.done == MAP_FAILED)
        return -errno;
    int r = 0;
    for (unsigned round = 0; round < SIGNAL_ROUNDS; round++) {
        delivery.n = 0;
        r = members_walk(cgroup_fd, hold, &delivery);
        if (delivery.n == 0)
            break;
        qsort(delivery.held, delivery.n, sizeof(Held), compare_held);
        // An error only means that not all of them are confirmed; the rest is skipped.
        (void)members_walk(cgroup_fd, confirm, &delivery);
        sent += deliver(&delivery, signal, continue_after);
    }
    (void)munmap(delivery.done, PID_LIMIT / 8);
    return r < 0 && sent == 0 ? r : sent;
}
