// SPDX-License-Identifier: LGPL-2.1-or-later
// The task of the chaos test: it tells in a file what it really does, so that the records can be compared with it.
//
//   witness FILE LOCKS MSEC END [CHILDREN]     END: exit:CODE or signal:NUMBER
//
// Lines are appended with one write each, so that they are whole and in the order of time:
//
//   JOB.TASK.ATTEMPT start PID     the attempt runs
//   JOB.TASK.ATTEMPT overlap PID   ... and so does something of another attempt of the same task
//   JOB.TASK.ATTEMPT exit CODE     it is about to exit with this code; or:
//   JOB.TASK.ATTEMPT signal NUMBER it is about to kill itself with this signal
//
// Between the last line and the end there is a moment in which somebody else may kill it: whoever judges knows who
// killed what. LOCKS is a file in which each task has one byte: all processes of an attempt hold the lock of it.
// With WITNESS_DURABLE in the environment a line is on the disk before anything else happens.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME 300 // seconds, at most
#define TASKS_MAX 64 // of a job

static int witness_fd;
static char name[64];

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "witness: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static long number(const char *text) {
    char *end;
    long value = text ? strtol(text, &end, 10) : 0;

    if (!text || *end || end == text) {
        errno = EINVAL;
        fail(text ? text : "no number");
    }
    return value;
}

static void tell(const char *what, long value) {
    char line[128];

    int length = snprintf(line, sizeof line, "%s %s %ld\n", name, what, value);
    if (write(witness_fd, line, (size_t)length) != length)
        fail("cannot tell");
}

static void sleep_msec(long msec) {
    struct timespec left = { .tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000 };

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

// The lock of an open file: it goes with the last process that has it.
static bool lock(const char *path, long job, long task) {
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = job * TASKS_MAX + task, .l_len = 1 };

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        fail(path);
    if (fcntl(fd, F_OFD_SETLK, &lock) >= 0)
        return true;
    if (errno != EAGAIN && errno != EACCES)
        fail("lock");
    return false;
}

static void make_children(long n) {
    for (; n > 0; n--) {
        pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid > 0)
            continue;
        sleep_msec(LIFETIME * 1000L);
        _exit(0);
    }
}

int main(int argc, char **argv) {
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: witness FILE LOCKS MSEC exit:CODE|signal:NUMBER [CHILDREN]\n");
        return 98;
    }
    const char *job = getenv("CORRAL_JOB_ID"), *task = getenv("CORRAL_TASK_ID"), *attempt = getenv("CORRAL_ATTEMPT");
    const char *end = strchr(argv[4], ':');
    long value = number(end ? end + 1 : NULL);

    snprintf(name, sizeof name, "%ld.%ld.%ld", number(job), number(task), number(attempt));
    int durable = getenv("WITNESS_DURABLE") ? O_DSYNC : 0;
    witness_fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | durable, 0666);
    if (witness_fd < 0)
        fail(argv[1]);
    bool alone = lock(argv[2], number(job), number(task));
    tell("start", getpid());
    if (!alone)
        tell("overlap", getpid());
    if (argc > 5)
        make_children(number(argv[5]));
    // Kept as its output.
    printf("%s\n", name);
    fflush(stdout);
    sleep_msec(number(argv[3]));
    if (argv[4][0] == 'e') {
        tell("exit", value);
        _exit((int)value);
    }
    tell("signal", value);
    raise((int)value);
    return 97;
}
