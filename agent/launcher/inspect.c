// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/members.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

#define PATH_SIZE 32
#define STAT_SIZE 1024

// Numbers of the fields of proc_pid_stat(5).
enum {
    STAT_STATE = 3,
    STAT_PARENT = 4,
    STAT_USER_TIME = 14,
    STAT_SYSTEM_TIME = 15,
    STAT_THREADS = 20,
    STAT_RESIDENT = 24,
    _STAT_LAST = STAT_RESIDENT
};

int inspect_parse_stat(char *text, InspectedProcess *ret) {
    uint64_t fields[_STAT_LAST + 1] = { 0 };

    // The command may hold anything, parentheses and spaces too; nothing behind it does.
    char *command = strchr(text, '('), *end = strrchr(text, ')');
    if (!command || !end || end < command || end[1] != ' ' || end[2] == '\0')
        return -EBADMSG;
    *end = '\0';

    const char *p = end + 2;
    char state = *p;
    for (unsigned i = STAT_PARENT; i <= _STAT_LAST; i++) {
        p = strchr(p, ' ');
        if (!p)
            return -EBADMSG;
        fields[i] = strtoull(++p, NULL, 10);
    }

    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    (void)snprintf(ret->command, sizeof(ret->command), "%s", command + 1);
    ret->state = state;
    ret->parent = (int32_t)fields[STAT_PARENT];
    ret->threads = (uint32_t)fields[STAT_THREADS];
    ret->cpu_usec = (fields[STAT_USER_TIME] + fields[STAT_SYSTEM_TIME]) * (USEC_PER_SEC / ticks);
    ret->resident = fields[STAT_RESIDENT] * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

// Two answers have no number: "running", and "-1 ..." for one that is blocked but not in a system call.
static int32_t parse_system_call(const char *text) {
    if (text[0] < '0' || text[0] > '9')
        return INSPECT_NO_CALL;
    return (int32_t)strtol(text, NULL, 10);
}

// These files are made whole for the first read: one is enough, and a cancel waits for this.
static ssize_t read_proc(int proc_fd, pid_t pid, const char *name, char *buffer, size_t size) {
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%d/%s", pid, name);
    AUTO_CLOSE int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, buffer, size - 1);
    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    buffer[strcspn(buffer, "\n")] = '\0';
    return n;
}

static int inspect_process(int proc_fd, pid_t pid, bool frozen, InspectedProcess *ret) {
    char text[STAT_SIZE];
    struct stat st;

    *ret = (InspectedProcess){ .pid = pid, .system_call = INSPECT_NO_CALL };
    ssize_t n = read_proc(proc_fd, pid, "stat", text, sizeof(text));
    int r = n < 0 ? (int)n : inspect_parse_stat(text, ret);
    if (r < 0)
        return r;

    // A sleeper that was caught waits in the freezer and nowhere else: its system call says what for.
    if (!(frozen && ret->state == 'S') && read_proc(proc_fd, pid, "wchan", text, sizeof(text)) > 0 &&
        strcmp(text, "0") != 0)
        (void)snprintf(ret->wait_channel, sizeof(ret->wait_channel), "%.*s", (int)sizeof(ret->wait_channel) - 1, text);
    if (read_proc(proc_fd, pid, "syscall", text, sizeof(text)) > 0)
        ret->system_call = parse_system_call(text);
    // The directory, unlike the files in it, belongs to the effective user whatever else the process has done.
    (void)snprintf(text, sizeof(text), "%d", pid);
    if (fstatat(proc_fd, text, &st, 0) == 0)
        ret->uid = st.st_uid;
    return 0;
}

typedef struct Inspection {
    int proc_fd;
    bool frozen;
    InspectedProcess *processes;
    size_t n, max;
    uint32_t total;
} Inspection;

static int inspect_one(pid_t pid, void *userdata) {
    Inspection *inspection = userdata;

    inspection->total++;
    if (inspection->n < inspection->max &&
        inspect_process(inspection->proc_fd, pid, inspection->frozen, &inspection->processes[inspection->n]) == 0)
        inspection->n++;
    return 0;
}

static bool is_frozen(int cgroup_fd) {
    char events[256];

    return file_read_at(cgroup_fd, "cgroup.events", events, sizeof(events)) > 0 && strstr(events, "frozen 1");
}

int inspect_members(int cgroup_fd, int proc_fd, InspectedProcess *ret, size_t max, uint32_t *ret_total) {
    Inspection inspection = { .proc_fd = proc_fd, .frozen = is_frozen(cgroup_fd), .processes = ret, .max = max };

    int r = members_walk(cgroup_fd, inspect_one, &inspection);
    if (r < 0)
        return r;
    *ret_total = inspection.total;
    return (int)inspection.n;
}
