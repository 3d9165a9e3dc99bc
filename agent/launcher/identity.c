// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#define LIFETIME (30 * USEC_PER_SEC)
#define LOOK_UP_SECONDS 8 // a database that answers later than this is not there
#define GROUPS_MAX 65536u // NGROUPS_MAX of Linux

_Static_assert(sizeof(Identity) <= PIPE_BUF, "an identity goes through the pipe in one piece");

int identities_init(Identities *identities, const char *program) {
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    identities->read_fd = fds[0];
    identities->write_fd = fds[1];
    identities->program = program;
    return 0;
}

void identities_deinit(Identities *identities) {
    identities->read_fd = close_fd(identities->read_fd);
    identities->write_fd = close_fd(identities->write_fd);
}

// ---- what is remembered ----

static size_t entry_of(const Identities *identities, uint32_t uid) {
    size_t oldest = 0;

    for (size_t i = 0; i < IDENTITIES_MAX; i++) {
        if (identities->entries[i].expires != 0 && identities->entries[i].identity.uid == uid)
            return i;
        if (identities->entries[i].expires < identities->entries[oldest].expires)
            oldest = i;
    }
    return oldest;
}

void identities_receive(Identities *identities) {
    static Identity identity;

    while (read(identities->read_fd, &identity, sizeof(identity)) == (ssize_t)sizeof(identity)) {
        size_t i = entry_of(identities, identity.uid);

        identities->entries[i].identity = identity;
        identities->entries[i].expires = clock_boottime() + LIFETIME;
    }
}

static bool contains(const uint32_t *groups, size_t n, uint32_t group) {
    for (size_t first = 0, last = n; first < last;) {
        size_t middle = first + (last - first) / 2;
        if (groups[middle] == group)
            return true;
        if (groups[middle] < group)
            first = middle + 1;
        else
            last = middle;
    }
    return false;
}

static bool has_all(const uint32_t *groups, size_t n, const Launch *launch) {
    for (uint32_t i = 0; i < launch->request->n_groups; i++)
        if (!contains(groups, n, launch->groups[i]))
            return false;
    return contains(groups, n, launch->request->gid);
}

IdentityVerdict identities_check(const Identities *identities, const Launch *launch) {
    size_t i = entry_of(identities, launch->request->uid);
    const Identity *identity = &identities->entries[i].identity;

    if (identity->uid != launch->request->uid || identities->entries[i].expires <= clock_boottime())
        return IDENTITY_UNKNOWN;
    return has_all(identity->groups, identity->n_groups, launch) ? IDENTITY_CONFIRMED : IDENTITY_REFUSED;
}

// ---- the look-up ----

static _Noreturn void execute(const char *program, uint32_t uid, int answer_fd) {
    char text[16];
    sigset_t none;

    (void)snprintf(text, sizeof(text), "%u", uid);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)alarm(LOOK_UP_SECONDS); // goes over to the program, and ends it
    if (dup2(answer_fd, STDOUT_FILENO) >= 0 && close_range(STDERR_FILENO + 1, ~0u, 0) >= 0)
        (void)execle(program, program, text, (char *)NULL, (char *const[]){ NULL });
    _exit(EXIT_FAILURE);
}

static ssize_t read_all(int fd, void *buffer, size_t size) {
    size_t length = 0;

    while (length < size) {
        ssize_t n = read(fd, (char *)buffer + length, size - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    return (ssize_t)length;
}

// Fills groups[] and returns how many there are.
static ssize_t ask(const char *program, uint32_t uid, uint32_t groups[static GROUPS_MAX]) {
    int fds[2], status, r;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    AUTO_CLOSE int answer_fd = fds[0], question_fd = fds[1];
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        execute(program, uid, question_fd);
    question_fd = close_fd(question_fd);
    ssize_t n = read_all(answer_fd, groups, GROUPS_MAX * sizeof(*groups));
    while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (r < 0)
        return -errno;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return -ETIMEDOUT;
    if (status != 0 || n <= 0 || (size_t)n % sizeof(*groups) != 0)
        return n < 0 ? n : -EIO;
    return n / (ssize_t)sizeof(*groups);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void tell_launcher(const Identities *identities, uint32_t uid, const uint32_t *groups, size_t n) {
    static Identity identity;

    if (n > IDENTITY_GROUPS_MAX)
        return;
    identity.uid = uid;
    identity.n_groups = (uint32_t)n;
    memcpy(identity.groups, groups, n * sizeof(*groups));
    (void)!write(identities->write_fd, &identity, sizeof(identity)); // full: the next one looks it up, too
}

int identity_look_up(const Identities *identities, const Launch *launch) {
    AUTO_FREE uint32_t *groups = malloc(GROUPS_MAX * sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    ssize_t n = ask(identities->program, launch->request->uid, groups);
    if (n < 0)
        return (int)n;
    qsort(groups, (size_t)n, sizeof(*groups), compare);
    tell_launcher(identities, launch->request->uid, groups, (size_t)n);
    return has_all(groups, (size_t)n, launch) ? 0 : -EPERM;
}
