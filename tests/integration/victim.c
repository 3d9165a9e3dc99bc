// SPDX-License-Identifier: LGPL-2.1-or-later
// What the integration tests run as tasks: one program, one mode for each nasty behaviour. Every mode is bounded by
// itself, in time (LIFETIME at the latest) and in the number of processes, so that a test that fails does no harm.
//
// With VICTIM_READY in the environment the file named there is made when the mode has set up what it is for.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME 300 // seconds

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "victim: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static long number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);

    if (*end || end == text) {
        fprintf(stderr, "victim: not a number: %s\n", text);
        _exit(98);
    }
    return value;
}

static void ready(void) {
    const char *path = getenv("VICTIM_READY");

    if (!path)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        fail(path);
    close(fd);
}

static void sleep_msec(long msec) {
    struct timespec left = { .tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000 };

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

// Until somebody kills us.
_Noreturn static void linger(void) {
    sleep_msec(LIFETIME * 1000L);
    _exit(97);
}

static pid_t fork_or_fail(void) {
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    return pid;
}

_Noreturn static void mode_sleep(char **argv) {
    (void)argv;
    ready();
    linger();
}

// many N: N processes in all.
_Noreturn static void mode_many(char **argv) {
    for (long i = number(argv[0]); i > 1; i--)
        if (fork_or_fail() == 0)
            linger();
    ready();
    linger();
}

// leave N: ends at once and leaves N children behind.
static void mode_leave(char **argv) {
    for (long i = number(argv[0]); i > 0; i--)
        if (fork_or_fail() == 0)
            linger();
    ready();
}

// bomb N SECONDS: forks as fast as it can; all processes but the first live for moments only and have been replaced by
// then, so that the list of pids is out of date at any time. At most N at once, 400 N in all, for at most SECONDS.
_Noreturn static void mode_bomb(char **argv) {
    long most = number(argv[0]);
    time_t end = time(NULL) + number(argv[1]);
    pid_t first = getpid();
    struct {
        atomic_long alive, forks;
    } *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (count == MAP_FAILED)
        fail("mmap");
    signal(SIGCHLD, SIG_IGN);
    atomic_store(&count->alive, 1);
    ready();
    while (time(NULL) < end) {
        bool room = atomic_fetch_add(&count->alive, 1) < most;
        if (room && atomic_fetch_add(&count->forks, 1) < 400 * most && fork() >= 0)
            continue;
        atomic_fetch_sub(&count->alive, 1);
        sleep_msec(getpid() == first ? 1 : 10);
        if (getpid() != first && !room)
            break;
    }
    atomic_fetch_sub(&count->alive, 1);
    _exit(0);
}

// daemon: a daemon as they used to be made: forked twice, in a session of its own. The main process stays.
_Noreturn static void mode_daemon(char **argv) {
    (void)argv;
    if (fork_or_fail() == 0) {
        if (setsid() < 0)
            fail("setsid");
        if (fork_or_fail() > 0)
            _exit(0);
        if (chdir("/") < 0)
            fail("chdir");
        umask(0);
        closefrom(0);
        ready();
        linger();
    }
    linger();
}

// ignore: ignores, and blocks, every signal that it can.
_Noreturn static void mode_ignore(char **argv) {
    sigset_t all;

    (void)argv;
    for (int signo = 1; signo < NSIG; signo++)
        (void)signal(signo, SIG_IGN); // SIGKILL and SIGSTOP refuse
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
        fail("sigprocmask");
    ready();
    linger();
}

// stopped: a process and its child, both stopped.
_Noreturn static void mode_stopped(char **argv) {
    (void)argv;
    pid_t child = fork_or_fail();
    if (child == 0) {
        raise(SIGSTOP);
        linger();
    }
    if (waitpid(child, NULL, WUNTRACED) < 0)
        fail("waitpid");
    ready();
    raise(SIGSTOP);
    linger();
}

// vfork: a parent that waits in vfork(2) for a child that neither execs nor ends.
_Noreturn static void mode_vfork(char **argv) {
    (void)argv;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    pid_t pid = vfork();
#pragma GCC diagnostic pop
    if (pid < 0)
        fail("vfork");
    if (pid == 0) {
        ready();
        linger();
    }
    linger();
}

static void *thread_main(void *argument) {
    (void)argument;
    linger();
    return NULL;
}

// threads N: N threads besides the main one.
_Noreturn static void mode_threads(char **argv) {
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, 64 * 1024) != 0)
        fail("pthread_attr");
    for (long i = number(argv[0]); i > 0; i--)
        if ((errno = pthread_create(&thread, &attributes, thread_main, NULL)) != 0)
            fail("pthread_create");
    ready();
    linger();
}

// tree N: N generations, each the child of the one before.
_Noreturn static void mode_tree(char **argv) {
    for (long i = number(argv[0]); i > 1; i--)
        if (fork_or_fail() > 0)
            linger();
    ready();
    linger();
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fail(path);
    close(fd);
}

// The directory of our own cgroup below the v2 mount at mount.
static void own_cgroup(const char *mount, char *ret, size_t size) {
    char line[PATH_MAX];
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (!file)
        fail("/proc/self/cgroup");
    *ret = '\0';
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) == 0)
            snprintf(ret, size, "%s%s", mount, line + 3);
    }
    fclose(file);
}

// A child in a new cgroup below parent.
static void populate(const char *parent, const char *name, bool frozen) {
    char path[PATH_MAX], file[PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/%s", parent, name);
    if (mkdir(path, 0755) < 0)
        fail(path);
    if (fork_or_fail() == 0) {
        snprintf(file, sizeof file, "%s/cgroup.procs", path);
        write_file(file, "0");
        linger();
    }
    snprintf(file, sizeof file, "%s/cgroup.freeze", path);
    if (frozen)
        write_file(file, "1");
}

// nested MOUNT: makes cgroups of its own below its own one, with a process in each, and freezes one of them.
_Noreturn static void mode_nested(char **argv) {
    char own[PATH_MAX], inner[PATH_MAX + 32];

    own_cgroup(argv[0], own, sizeof own);
    populate(own, "thawed", false);
    populate(own, "frozen", true);
    snprintf(inner, sizeof inner, "%s/thawed", own);
    populate(inner, "deeper", true);
    ready();
    linger();
}

static volatile sig_atomic_t terminated;

static void on_term(int signo) {
    (void)signo;
    terminated = 1;
}

// term MSEC CODE: after SIGTERM takes MSEC to clean up, then exits with CODE.
_Noreturn static void mode_term(char **argv) {
    sigset_t none, term;

    sigemptyset(&none);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &term, NULL) < 0)
        fail("sigprocmask");
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
    ready();
    while (!terminated)
        sigsuspend(&none);
    sleep_msec(number(argv[0]));
    _exit((int)number(argv[1]));
}

// trace PID HOW: traces another process. "wait": stops it and asks how it ends; "ignore": stops it and never asks;
// "hold": holds it on its way out, so that not even SIGKILL ends it as long as the tracer lives.
_Noreturn static void mode_trace(char **argv) {
    pid_t pid = (pid_t)number(argv[0]);

    if (strcmp(argv[1], "hold") == 0) {
        if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT) < 0)
            fail("ptrace");
    } else {
        if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) < 0)
            fail("ptrace");
    }
    ready();
    if (strcmp(argv[1], "wait") == 0)
        while (waitpid(pid, NULL, __WALL) > 0)
            ;
    linger();
}

static void append_line(const char *path, const char *line) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
        fail(path);
    close(fd);
}

// witness FILE MSEC CODE: one line in FILE when it starts and one before it exits, so that the records can be compared
// with what really happened.
_Noreturn static void mode_witness(char **argv) {
    const char *job = getenv("CORRAL_JOB_ID"), *task = getenv("CORRAL_TASK_ID"), *attempt = getenv("CORRAL_ATTEMPT");
    char line[128];

    if (!job || !task || !attempt) {
        fprintf(stderr, "victim: no CORRAL_JOB_ID, CORRAL_TASK_ID or CORRAL_ATTEMPT\n");
        _exit(96);
    }
    snprintf(line, sizeof line, "%s.%s.%s start\n", job, task, attempt);
    append_line(argv[0], line);
    sleep_msec(number(argv[1]));
    snprintf(line, sizeof line, "%s.%s.%s exit %s\n", job, task, attempt, argv[2]);
    append_line(argv[0], line);
    _exit((int)number(argv[2]));
}

// exit MSEC CODE
_Noreturn static void mode_exit(char **argv) {
    sleep_msec(number(argv[0]));
    _exit((int)number(argv[1]));
}

// signal NUMBER: kills itself.
static void mode_signal(char **argv) {
    raise((int)number(argv[0]));
}

// output BYTES: that many bytes on standard output, a pattern that shows a piece that is missing.
static void mode_output(char **argv) {
    long size = number(argv[0]);

    for (long i = 0; i < size; i += 8)
        printf("%07ld\n", i);
}

static void print_signals(const char *name, int (*is_set)(int)) {
    printf("%s=", name);
    for (int signo = 1; signo < NSIG; signo++)
        if (is_set(signo))
            printf("%d ", signo);
    printf("\n");
}

static int is_blocked(int signo) {
    sigset_t blocked;

    return sigprocmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, signo) == 1;
}

static int is_not_default(int signo) {
    struct sigaction action;

    return sigaction(signo, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

// facts: what a task is given, one NAME=VALUE a line (the environment is for env(1)).
static void mode_facts(char **argv) {
    gid_t groups[NGROUPS_MAX];
    char directory[PATH_MAX];
    struct rlimit limit;
    uid_t uid[3];
    gid_t gid[3];

    (void)argv;
    getresuid(&uid[0], &uid[1], &uid[2]);
    getresgid(&gid[0], &gid[1], &gid[2]);
    printf("uid=%u %u %u\ngid=%u %u %u\ngroups=", uid[0], uid[1], uid[2], gid[0], gid[1], gid[2]);
    for (int i = 0, n = getgroups(NGROUPS_MAX, groups); i < n; i++)
        printf("%u ", groups[i]);
    mode_t mask = umask(0);
    printf("\numask=%03o\ncwd=%s\n", mask, getcwd(directory, sizeof directory));
    printf("leader=%d\nfds=", getsid(0) == getpid());
    for (int fd = 0; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    printf("\n");
    print_signals("blocked", is_blocked);
    print_signals("handled", is_not_default);
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("nofile=%llu\n", (unsigned long long)limit.rlim_cur);
    getrlimit(RLIMIT_CORE, &limit);
    printf("core=%llu\n", (unsigned long long)limit.rlim_cur);
}

static const struct {
    const char *name;
    int n_arguments;
    void (*run)(char **argv);
} modes[] = {
    { "sleep", 0, mode_sleep },     { "many", 1, mode_many },     { "leave", 1, mode_leave },
    { "bomb", 2, mode_bomb },       { "daemon", 0, mode_daemon }, { "ignore", 0, mode_ignore },
    { "stopped", 0, mode_stopped }, { "vfork", 0, mode_vfork },   { "threads", 1, mode_threads },
    { "tree", 1, mode_tree },       { "nested", 1, mode_nested }, { "term", 2, mode_term },
    { "trace", 2, mode_trace },     { "exit", 2, mode_exit },     { "witness", 3, mode_witness },
    { "signal", 1, mode_signal },   { "output", 1, mode_output }, { "facts", 0, mode_facts },
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) != 0)
            continue;
        if (argc - 2 != modes[i].n_arguments)
            break;
        modes[i].run(argv + 2);
        return 0;
    }
    fprintf(stderr, "usage: victim MODE [ARGUMENT...]\n");
    return 2;
}
