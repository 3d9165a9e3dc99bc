// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/process-end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"

#define STAT_SIZE 1024
#define FLAG_EXITING 0x4 // PF_EXITING of the kernel
#define PAUSE_FIRST_MSEC 1
#define PAUSE_LAST_MSEC 512 // all pauses together are a second: debuggers ask at once, if they ask

// Numbers of the fields of proc_pid_stat(5).
enum {
    STAT_STATE = 3,
    STAT_FLAGS = 9,
    STAT_USER_TIME = 14,
    STAT_SYSTEM_TIME = 15,
    STAT_EXIT_CODE = 52,
    _STAT_LAST = STAT_EXIT_CODE
};

static uint64_t timeval_usec(struct timeval value) {
    return (uint64_t)value.tv_sec * USEC_PER_SEC + (uint64_t)value.tv_usec;
}

// 1 when it has been reaped, 0 when it cannot be yet (WNOHANG), or a negative errno.
static int reap(pid_t pid, int flags, ProcessEnd *ret) {
    struct rusage usage;
    int status;
    pid_t r;

    do
        r = wait4(pid, &status, flags | __WALL, &usage);
    while (r < 0 && errno == EINTR);
    if (r <= 0)
        return r < 0 ? -errno : 0;
    *ret = (ProcessEnd){ .wait_status = status,
                         .user_usec = timeval_usec(usage.ru_utime),
                         .system_usec = timeval_usec(usage.ru_stime),
                         .max_resident = (uint64_t)usage.ru_maxrss * 1024 };
    return 1;
}

static int read_stat(pid_t pid, uint64_t fields[static _STAT_LAST + 1]) {
    char path[32], text[STAT_SIZE];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    ssize_t n = file_read_line_at(AT_FDCWD, path, text, sizeof(text));
    if (n < 0)
        return (int)n;
    const char *p = strrchr(text, ')'); // what is before it may hold anything
    if (!p || p[1] != ' ' || p[2] == '\0')
        return -EBADMSG;
    p += 2;
    fields[STAT_STATE] = (uint64_t)*p;
    for (unsigned i = STAT_STATE + 1; i <= _STAT_LAST; i++) {
        p = strchr(p, ' ');
        if (!p)
            return -EBADMSG;
        fields[i] = strtoull(++p, NULL, 10);
    }
    return 0;
}

// The status is 0 there for who may not see it, too, and some kernels show that of the first thread, which is 0 when it
// ended before the others: a 0 tells nothing. -ENODATA then.
static int read_kept(pid_t pid, ProcessEnd *ret) {
    uint64_t fields[_STAT_LAST + 1];

    int r = read_stat(pid, fields);
    if (r < 0)
        return r;
    if (fields[STAT_STATE] != 'Z' && fields[STAT_STATE] != 'X')
        return -EBADMSG;
    if (fields[STAT_EXIT_CODE] == 0)
        return -ENODATA;

    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    *ret = (ProcessEnd){ .wait_status = (int)fields[STAT_EXIT_CODE],
                         .user_usec = fields[STAT_USER_TIME] * (USEC_PER_SEC / ticks),
                         .system_usec = fields[STAT_SYSTEM_TIME] * (USEC_PER_SEC / ticks),
                         .max_resident = PROCESS_END_UNKNOWN };
    return 0;
}

int process_end_wait(pid_t pid, int pidfd, ProcessEnd *ret) {
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };

    while (poll(&ended, 1, -1) < 0)
        if (errno != EINTR)
            return -errno;
    for (long msec = PAUSE_FIRST_MSEC; msec <= PAUSE_LAST_MSEC; msec *= 2) {
        int r = reap(pid, WNOHANG, ret);
        if (r != 0)
            return r < 0 ? r : 0;
        (void)nanosleep(&(struct timespec){ .tv_nsec = msec * 1000000L }, NULL);
    }
    if (read_kept(pid, ret) >= 0)
        return 0;
    int r = reap(pid, 0, ret);
    return r < 0 ? r : 0;
}

bool process_end_has_begun(pid_t pid) {
    uint64_t fields[_STAT_LAST + 1];

    return read_stat(pid, fields) < 0 || (fields[STAT_FLAGS] & FLAG_EXITING);
}
