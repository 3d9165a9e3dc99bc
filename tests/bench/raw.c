// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/raw.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

_Noreturn void bench_die(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static pid_t clone_into(int cgroup_fd) {
    struct clone_args arguments = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup_fd };

    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static int make(int parent_fd, const char *name) {
    if (mkdirat(parent_fd, name, 0755) < 0)
        bench_die("mkdir");
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        bench_die("open cgroup");
    return fd;
}

uint64_t raw_run(int parent_fd, size_t n) {
    uint64_t begin = bench_now();

    for (size_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "raw-%zu", i);
        int fd = make(parent_fd, name);
        pid_t pid = clone_into(fd);
        if (pid < 0)
            bench_die("clone3");
        if (pid == 0) {
            execl("/bin/true", "true", NULL);
            _exit(127);
        }
        if (waitpid(pid, NULL, 0) != pid)
            bench_die("waitpid");
        close(fd);
        if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
            bench_die("rmdir");
    }
    return bench_now() - begin;
}

_Noreturn void become_sleepers(size_t n) {
    for (size_t i = 1; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0)
            bench_die("fork");
        if (pid == 0)
            break;
    }
    for (;;)
        pause();
}

static void wait_for(int fd, const char *text) {
    char events[256];

    for (;;) {
        if (file_read_at(fd, "cgroup.events", events, sizeof events) < 0)
            bench_die("cgroup.events");
        if (strstr(events, text))
            return;
        (void)sched_yield(); // who is to be frozen may need this very processor
    }
}

// Sleepers of our own, so that they are waited for.
static size_t count(int fd) {
    char line[64 * 1024];
    size_t lines = 0;

    if (file_read_at(fd, "cgroup.procs", line, sizeof line) < 0)
        bench_die("cgroup.procs");
    for (const char *at = line; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    return lines;
}

uint64_t raw_cancel(int parent_fd, size_t n) {
    AUTO_CLOSE int fd = make(parent_fd, "raw-cancel");
    pid_t pid = clone_into(fd);

    if (pid < 0)
        bench_die("clone3");
    if (pid == 0)
        become_sleepers(n);
    while (count(fd) < n)
        usleep(1000);
    usleep(20000); // all asleep

    uint64_t begin = bench_now();
    if (file_write_at(fd, "cgroup.freeze", "1") < 0)
        bench_die("cgroup.freeze");
    wait_for(fd, "frozen 1");
    if (file_write_at(fd, "cgroup.kill", "1") < 0)
        bench_die("cgroup.kill");
    wait_for(fd, "populated 0");
    uint64_t end = bench_now();

    if (waitpid(pid, NULL, 0) != pid)
        bench_die("waitpid");
    while (unlinkat(parent_fd, "raw-cancel", AT_REMOVEDIR) < 0)
        if (errno != EBUSY)
            bench_die("rmdir");
    return end - begin;
}
