// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything is read from the kernel: the cgroup's own list of processes, and /proc.
#include "agent/launcher/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/task.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

#define PATH_SIZE 64
#define STATUS_SIZE (16u * 1024u) // 1024 groups of ten digits, and a page for the rest
#define LIMITS_SIZE 4096
#define LIMIT_NAME_WIDTH 26 // of the first column
#define STREAMS 3

// ---- /proc/<pid>/status ----

static int parse_numbers(const char *text, int base, uint64_t max, uint64_t *ret, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char *end;

        errno = 0;
        ret[i] = strtoull(text, &end, base);
        if (end == text || errno != 0 || ret[i] > max)
            return -EBADMSG;
        text = end;
    }
    return 0;
}

static int parse_ids(const char *text, uint32_t ids[4]) {
    uint64_t numbers[4];

    int r = parse_numbers(text, 10, UINT32_MAX, numbers, 4);
    for (size_t i = 0; r >= 0 && i < 4; i++)
        ids[i] = (uint32_t)numbers[i];
    return r;
}

static int parse_groups(const char *text, ProcessStatus *status) {
    for (;;) {
        char *end;

        unsigned long group = strtoul(text, &end, 10);
        if (end == text)
            return 0;
        if (status->n_groups == LAUNCH_GROUPS_MAX)
            return -EBADMSG;
        status->groups[status->n_groups++] = (uint32_t)group;
        text = end;
    }
}

static int parse_field(const char *name, const char *text, ProcessStatus *status) {
    static const char *const capabilities[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };
    static const char *const signals[] = { "SigBlk", "SigIgn", "SigCgt" };
    uint64_t number = 0;
    int r = 0;

    if (strcmp(name, "Uid") == 0)
        return parse_ids(text, status->uids);
    if (strcmp(name, "Gid") == 0)
        return parse_ids(text, status->gids);
    if (strcmp(name, "Groups") == 0)
        return parse_groups(text, status);
    if (strcmp(name, "Umask") == 0 && (r = parse_numbers(text, 8, 0777, &number, 1)) >= 0)
        status->umask = (uint32_t)number;
    if (strcmp(name, "Threads") == 0 && (r = parse_numbers(text, 10, UINT32_MAX, &number, 1)) >= 0)
        status->threads = (uint32_t)number;
    if (strcmp(name, "TracerPid") == 0 && (r = parse_numbers(text, 10, INT32_MAX, &number, 1)) >= 0)
        status->tracer = (int32_t)number;
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        if (strcmp(name, capabilities[i]) == 0 && (r = parse_numbers(text, 16, UINT64_MAX, &number, 1)) >= 0)
            status->capabilities |= number;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(name, signals[i]) == 0 && (r = parse_numbers(text, 16, UINT64_MAX, &number, 1)) >= 0)
            status->signals |= number;
    return r;
}

// The fields that must be there, in the order of the kernel. Some are printed by newer kernels alone, so none of the
// others is asked for.
static const char *const needed[] = { "Umask",  "TracerPid", "Uid",    "Gid",    "Groups", "Threads", "SigBlk",
                                      "SigIgn", "SigCgt",    "CapInh", "CapPrm", "CapEff", "CapAmb" };

int verify_parse_status(char *text, ProcessStatus *ret) {
    size_t found = 0;
    char *rest, *line;

    memset(ret, 0, sizeof(*ret));
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = '\0';
        int r = parse_field(line, colon + 1, ret);
        if (r < 0)
            return r;
        if (found < sizeof(needed) / sizeof(needed[0]) && strcmp(line, needed[found]) == 0)
            found++;
    }
    return found == sizeof(needed) / sizeof(needed[0]) ? 0 : -EBADMSG;
}

static int read_status(pid_t pid, ProcessStatus *ret) {
    static char text[STATUS_SIZE]; // of one thread
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    ssize_t n = file_read_at(AT_FDCWD, path, text, sizeof(text));
    return n < 0 ? (int)n : verify_parse_status(text, ret);
}

// ---- what is looked at; each check returns 0 or a negative errno ----

// The cgroup is new, and nobody else is in it.
static int check_place(const Verification *verification, const ProcessStatus *status) {
    char text[64], wanted[16];

    (void)status;
    ssize_t n = file_read_at(verification->cgroup_fd, "cgroup.procs", text, sizeof(text));
    if (n < 0)
        return n == -E2BIG ? -EPERM : (int)n;
    (void)snprintf(wanted, sizeof(wanted), "%d\n", verification->pid);
    return strcmp(text, wanted) == 0 ? 0 : -EPERM;
}

static bool all_are(const uint32_t ids[4], uint32_t id) {
    return ids[0] == id && ids[1] == id && ids[2] == id && ids[3] == id;
}

static int check_credentials(const Verification *verification, const ProcessStatus *status) {
    const LaunchRequest *request = verification->launch->request;

    if (status->threads != 1 || status->tracer != 0)
        return -EPERM;
    if (!verification->privileged)
        return all_are(status->uids, geteuid()) && all_are(status->gids, getegid()) ? 0 : -EPERM;
    if (!all_are(status->uids, request->uid) || !all_are(status->gids, request->gid) ||
        status->n_groups != request->n_groups ||
        memcmp(status->groups, verification->launch->groups, request->n_groups * sizeof(status->groups[0])) != 0)
        return -EPERM;
    return request->uid != 0 && status->capabilities != 0 ? -EPERM : 0;
}

// "Max open files            1024                 524288               files"; the lines are in the order of the
// numbers.
static int parse_limit(const char *text, struct rlimit *ret) {
    char soft[24], hard[24];
    uint64_t values[2];

    if (strlen(text) < LIMIT_NAME_WIDTH || sscanf(text + LIMIT_NAME_WIDTH, "%23s %23s", soft, hard) != 2)
        return -EBADMSG;
    for (size_t i = 0; i < 2; i++) {
        const char *value = i == 0 ? soft : hard;
        values[i] = RLIM_INFINITY;
        if (strcmp(value, "unlimited") != 0 && parse_uint64(value, &values[i]) < 0)
            return -EBADMSG;
    }
    *ret = (struct rlimit){ .rlim_cur = values[0], .rlim_max = values[1] };
    return 0;
}

// Not prlimit(2): that wants a capability which a launcher in a container may lack.
static int check_limits(const Verification *verification, const ProcessStatus *status) {
    char path[PATH_SIZE], text[LIMITS_SIZE], *rest;
    struct rlimit own, theirs;

    if (status->umask != verification->launch->request->umask)
        return -EPERM;
    (void)snprintf(path, sizeof(path), "/proc/%d/limits", verification->pid);
    ssize_t n = file_read_at(AT_FDCWD, path, text, sizeof(text));
    if (n < 0)
        return (int)n;
    (void)strtok_r(text, "\n", &rest); // the heading
    for (unsigned number = 0; number < LAUNCH_LIMITS; number++) {
        const char *line = strtok_r(NULL, "\n", &rest);
        if (!line || parse_limit(line, &theirs) < 0)
            return -EBADMSG;
        if (getrlimit((__rlimit_resource_t)number, &own) < 0)
            return -errno;
        if (theirs.rlim_cur != task_limit(verification->launch, number, &own) || theirs.rlim_max != own.rlim_max)
            return -EPERM;
    }
    return 0;
}

static int check_oom(const Verification *verification, const ProcessStatus *status) {
    char path[PATH_SIZE], text[16];

    (void)status;
    if (!verification->reset_oom)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", verification->pid);
    ssize_t n = file_read_line_at(AT_FDCWD, path, text, sizeof(text));
    return n < 0 ? (int)n : strcmp(text, "0") == 0 ? 0 : -EPERM;
}

static int check_session(const Verification *verification, const ProcessStatus *status) {
    pid_t session = getsid(verification->pid);

    if (session < 0)
        return -errno;
    return session == verification->pid && status->signals == 0 ? 0 : -EPERM;
}

// Exactly the three standard streams.
static int check_open_files(const Verification *verification) {
    bool seen[STREAMS] = { false };
    char path[PATH_SIZE];
    struct dirent *entry;
    size_t n = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", verification->pid);
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    while ((entry = readdir(dir)) != NULL) {
        uint64_t fd;
        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (parse_uint64(entry->d_name, &fd) == 0 && fd < STREAMS)
            seen[fd] = true;
    }
    (void)closedir(dir);
    return n == STREAMS && seen[0] && seen[1] && seen[2] ? 0 : -EPERM;
}

static int check_stream(const Verification *verification, int number, int wanted_fd) {
    struct stat theirs, wanted;
    char path[PATH_SIZE];

    // What the user named is the user's affair, and following it could take for ever.
    if (wanted_fd < 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", verification->pid, number);
    if (stat(path, &theirs) < 0 || fstat(wanted_fd, &wanted) < 0)
        return -errno;
    return theirs.st_dev == wanted.st_dev && theirs.st_ino == wanted.st_ino ? 0 : -EPERM;
}

static int check_descriptors(const Verification *verification, const ProcessStatus *status) {
    (void)status;
    int r = check_open_files(verification);
    if (r >= 0)
        r = check_stream(verification, STDOUT_FILENO, verification->output_fd);
    if (r >= 0)
        r = check_stream(verification, STDERR_FILENO, verification->error_fd);
    return r;
}

static const struct {
    LaunchStep step;
    int (*check)(const Verification *verification, const ProcessStatus *status);
} checks[] = {
    { LAUNCH_STEP_VERIFY_PLACE, check_place },     { LAUNCH_STEP_VERIFY_CREDENTIALS, check_credentials },
    { LAUNCH_STEP_VERIFY_SESSION, check_session }, { LAUNCH_STEP_VERIFY_LIMITS, check_limits },
    { LAUNCH_STEP_VERIFY_LIMITS, check_oom },      { LAUNCH_STEP_VERIFY_DESCRIPTORS, check_descriptors },
};

LaunchStep verify_process(const Verification *verification, int *ret_error) {
    static ProcessStatus status; // large, and there is one thread

    int r = read_status(verification->pid, &status);
    if (r < 0) {
        *ret_error = -r;
        return LAUNCH_STEP_VERIFY_CREDENTIALS;
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        r = checks[i].check(verification, &status);
        if (r < 0) {
            *ret_error = -r;
            return checks[i].step;
        }
    }
    return LAUNCH_STEP_NONE;
}
