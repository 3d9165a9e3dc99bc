// SPDX-License-Identifier: LGPL-2.1-or-later
// Processes that are what a launch asks for but for one thing: each is seen.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/task.h"
#include "agent/launcher/verify.h"
#include "base/file.h"
#include "tests/unit/launcher/harness.h"

#define UID 1234u
#define GID 1235u

static Harness h;
static TestPacket packet;
static Launch launch;
static const uint32_t groups[] = { 7, GID };
static int output[2]; // of the kept output

static void start(void) {
    harness_init(&h);
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = ARGUMENTS("true"),
                                                       .uid = UID,
                                                       .gid = GID,
                                                       .groups = groups,
                                                       .n_groups = 2,
                                                       .umask = 027,
                                                       .limits_set = 1u << RLIMIT_FSIZE,
                                                       .limits = { [RLIMIT_FSIZE] = 65536 } });
    cr_assert_eq(launch_parse(packet.bytes, size, &launch), 0);
    cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(verify, .init = start, .fini = stop, .timeout = 30);

// ---- what may be otherwise, done by the process itself, as root or as the user ----

static void nothing(void) {
}

static void not_in_the_cgroup(void) {
    (void)mkdirat(h.cgroup_fd, "1.elsewhere", 0755);
    if (file_write_at(h.cgroup_fd, "1.elsewhere/cgroup.procs", "0") < 0)
        _exit(99);
}

static void not_alone(void) {
    if (fork() == 0)
        for (;;)
            (void)pause();
}

static void another_uid(void) {
    if (setresuid(UID, UID, 0) < 0)
        _exit(99);
}

static void another_gid(void) {
    if (setresgid(GID, GID, 0) < 0)
        _exit(99);
}

static void a_group_more(void) {
    if (setgroups(3, (gid_t[]){ 6, 7, GID }) < 0)
        _exit(99);
}

static void a_group_less(void) {
    if (setgroups(1, (gid_t[]){ 7 }) < 0)
        _exit(99);
}

static void another_group(void) {
    if (setgroups(2, (gid_t[]){ 0, GID }) < 0)
        _exit(99);
}

static void capabilities(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setresuid(UID, UID, UID) < 0 || syscall(SYS_capget, &header, data) < 0)
        _exit(99);
    // Permitted alone, which is enough to take it up later.
    data[0].permitted = 1u << CAP_KILL;
    data[1].permitted = 0;
    data[0].effective = data[1].effective = data[0].inheritable = data[1].inheritable = 0;
    if (syscall(SYS_capset, &header, data) < 0)
        _exit(99);
}

static void *wait_for_ever(void *argument) {
    for (;;)
        (void)pause();
    return argument;
}

static void two_threads(void) {
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
        _exit(99);
}

static void a_signal_blocked(void) {
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void a_signal_ignored(void) {
    (void)signal(SIGPIPE, SIG_IGN);
}

static void another_umask(void) {
    (void)umask(022);
}

static void a_limit_more(void) {
    (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 65537, RLIM_INFINITY });
}

static void a_hard_limit_less(void) {
    struct rlimit limit;

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max--;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void cores(void) {
    struct rlimit limit;

    (void)getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 4096;
    (void)setrlimit(RLIMIT_CORE, &limit);
}

static void a_file_more(void) {
    if (open("/", O_RDONLY | O_CLOEXEC) < 0) // would close by itself, and yet has no business there
        _exit(99);
}

static void a_file_less(void) {
    (void)close(STDIN_FILENO);
}

static void a_file_elsewhere(void) {
    (void)dup2(STDIN_FILENO, 3);
    (void)close(STDIN_FILENO);
}

static void another_output(void) {
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

// ---- the process ----

static void put_limits(void) {
    for (unsigned number = 0; number < LAUNCH_LIMITS; number++) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)number, &limit) < 0)
            _exit(99);
        limit.rlim_cur = task_limit(&launch, number, &limit);
        if (setrlimit((__rlimit_resource_t)number, &limit) < 0)
            _exit(99);
    }
}

static void put_descriptors(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (dup2(null, STDIN_FILENO) < 0 || dup2(output[1], STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
        close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
        _exit(99);
}

static void put_user(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    if (setresuid(UID, UID, UID) < 0 || syscall(SYS_capset, &header, data) < 0)
        _exit(99);
}

typedef struct Deviation {
    const char *name;
    void (*as_root)(void);
    void (*as_user)(void);
    LaunchStep step;
    bool same_session;
} Deviation;

static _Noreturn void become(const Deviation *deviation) {
    sigset_t none;

    if (file_write_at(h.cgroup_fd, "cgroup.procs", "0") < 0)
        _exit(99);
    if (!deviation->same_session)
        (void)setsid();
    // The C library does not let go of two that it catches itself.
    for (int i = 1; i <= SIGRTMAX; i++)
        (void)syscall(SYS_rt_sigaction, i, &(unsigned long[4]){ 0 }, NULL, sizeof(unsigned long));
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(027);
    put_limits();
    if (setgroups(2, groups) < 0 || setresgid(GID, GID, GID) < 0)
        _exit(99);
    deviation->as_root();
    put_descriptors();
    if (getuid() == 0)
        put_user();
    deviation->as_user();
    (void)raise(SIGSTOP);
    _exit(0);
}

static void try(const Deviation *deviation) {
    int status, error = 0;

    pid_t pid = fork();
    if (pid == 0)
        become(deviation);
    cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
    cr_assert(WIFSTOPPED(status), "%s: status %x", deviation->name, status);
    LaunchStep step = verify_process(&(Verification){ .launch = &launch,
                                                      .pid = pid,
                                                      .cgroup_fd = h.cgroup_fd,
                                                      .output_fd = output[0],
                                                      .error_fd = -1,
                                                      .privileged = true },
                                     &error);
    cr_expect_eq(step, deviation->step, "%s: cannot %s: %s", deviation->name, launch_step_text(step), strerror(error));
    cr_expect_eq(error, deviation->step == LAUNCH_STEP_NONE ? 0 : EPERM, "%s: %s", deviation->name, strerror(error));
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    (void)file_write_at(h.cgroup_fd, "cgroup.kill", "1");
    cr_assert(harness_await_event(&h, "populated", 0));
}

Test(verify, sees_what_is_otherwise) {
    static const Deviation deviations[] = {
        { "nothing", nothing, nothing, LAUNCH_STEP_NONE, false },
        { "not in the cgroup", not_in_the_cgroup, nothing, LAUNCH_STEP_VERIFY_PLACE, false },
        { "not alone", nothing, not_alone, LAUNCH_STEP_VERIFY_PLACE, false },
        { "another uid", another_uid, nothing, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "another gid", another_gid, nothing, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "a group more", a_group_more, nothing, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "a group less", a_group_less, nothing, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "another group", another_group, nothing, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "capabilities", capabilities, nothing, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "two threads", nothing, two_threads, LAUNCH_STEP_VERIFY_CREDENTIALS, false },
        { "the same session", nothing, nothing, LAUNCH_STEP_VERIFY_SESSION, true },
        { "a signal blocked", nothing, a_signal_blocked, LAUNCH_STEP_VERIFY_SESSION, false },
        { "a signal ignored", nothing, a_signal_ignored, LAUNCH_STEP_VERIFY_SESSION, false },
        { "another umask", nothing, another_umask, LAUNCH_STEP_VERIFY_LIMITS, false },
        { "a limit more", nothing, a_limit_more, LAUNCH_STEP_VERIFY_LIMITS, false },
        { "a hard limit less", nothing, a_hard_limit_less, LAUNCH_STEP_VERIFY_LIMITS, false },
        { "cores", nothing, cores, LAUNCH_STEP_VERIFY_LIMITS, false },
        { "a file more", nothing, a_file_more, LAUNCH_STEP_VERIFY_DESCRIPTORS, false },
        { "a file less", nothing, a_file_less, LAUNCH_STEP_VERIFY_DESCRIPTORS, false },
        { "a file elsewhere", nothing, a_file_elsewhere, LAUNCH_STEP_VERIFY_DESCRIPTORS, false },
        { "another output", nothing, another_output, LAUNCH_STEP_VERIFY_DESCRIPTORS, false },
    };

    for (size_t i = 0; i < sizeof(deviations) / sizeof(deviations[0]); i++)
        try(&deviations[i]);
}

Test(verify, tells_when_nothing_can_be_seen) {
    int error = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    Verification verification = { .launch = &launch, .pid = pid, .cgroup_fd = h.cgroup_fd, .output_fd = -1 };
    cr_assert_eq(verify_process(&verification, &error), LAUNCH_STEP_VERIFY_CREDENTIALS);
    cr_assert_eq(error, ENOENT);
}

#define STATUS                                                                                                         \
    "Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nTracerPid:\t0\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 "  \
    "\n"                                                                                                               \
    "Threads:\t1\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000000002\nSigCgt:\t0000000000000004\n"

static int parse(const char *text, ProcessStatus *ret) {
    char copy[1024];

    (void)snprintf(copy, sizeof(copy), "%s", text);
    return verify_parse_status(copy, ret);
}

Test(status, whole) {
    ProcessStatus status;

    cr_assert_eq(parse(STATUS "CapInh:\t1\nCapPrm:\t2\nCapEff:\t4\nCapBnd:\tff00\nCapAmb:\t8\n", &status), 0);
    cr_assert_eq(status.umask, 022);
    cr_assert_eq(status.uids[3], 4);
    cr_assert_eq(status.gids[0], 5);
    cr_assert_eq(status.n_groups, 2);
    cr_assert_eq(status.groups[1], 10);
    cr_assert_eq(status.signals, 7);
    cr_assert_eq(status.capabilities, 15);
}

Test(status, halves_are_refused) {
    static const char *const texts[] = {
        "",
        "Uid",
        STATUS "CapInh:\t1\nCapPrm:\t2\nCapEff:\t4\n",
        "Umask:\t0022\nTracerPid:\t0\nUid:\t1\t2\t3\n",
        "Umask:\t0028\n",
        "Umask:\t0022\nTracerPid:\t0\nUid:\t1\t2\t3\tx\n",
        "Umask:\t0022\nTracerPid:\t-1\n",
    };
    ProcessStatus status;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_eq(parse(texts[i], &status), -EBADMSG, "%s", texts[i]);
}
