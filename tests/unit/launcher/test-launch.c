// SPDX-License-Identifier: LGPL-2.1-or-later
// Real tasks, started by a real launcher: what they see, how they end, and what fails on the way.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/claim.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/launcher/harness.h"

static Harness h;

static void start(void) {
    harness_start(&h);
}

static void stop(void) {
    harness_deinit(&h);
}

TestSuite(launch, .init = start, .fini = stop, .timeout = 60);

static bool has_line(const char *text, const char *line) {
    size_t length = strlen(line);

    for (const char *p = text; (p = strstr(p, line)) != NULL; p += length)
        if ((p == text || p[-1] == '\n') && (p[length] == '\n' || p[length] == '\0'))
            return true;
    return false;
}

Test(launch, record_is_complete) {
    char boot_id[BOOT_ID_TEXT];
    struct stat st;
    uint64_t realtime = clock_realtime(), boottime = clock_boottime();
    LaunchRecord record =
        harness_run(&h, &(TestLaunch){ .arguments = SHELL("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done") });

    cr_assert_eq(record.magic, LAUNCH_RECORD_MAGIC);
    cr_assert_eq(record.size, sizeof(record));
    cr_assert_eq(record.key.job, 7);
    cr_assert_eq(record.key.run, 1);
    cr_assert_eq(record.key.task, 2);
    cr_assert_eq(record.key.attempt, 1);
    cr_assert_eq(clock_boot_id(boot_id), 0);
    cr_assert_str_eq(record.boot_id, boot_id);
    cr_assert_eq(fstat(h.cgroup_fd, &st), 0);
    cr_assert_eq(record.cgroup_id, st.st_ino);
    cr_assert_eq(record.step, LAUNCH_STEP_NONE);
    cr_assert_gt(record.pid, 1);
    cr_assert_geq(record.start_realtime, realtime);
    cr_assert_geq(record.start_boottime, boottime);
    cr_assert_gt(record.end_realtime, record.start_realtime);
    cr_assert_gt(record.end_boottime, record.start_boottime);
    cr_assert_leq(record.end_boottime, clock_boottime());
    cr_assert_gt(record.user_usec + record.system_usec, 0);
    cr_assert_gt(record.max_resident, 100000);
    cr_assert(!harness_has(&h, h.records_fd, 1, CLAIM_SUFFIX));
}

Test(launch, exit_codes) {
    static const int codes[] = { 0, 3, 255 };

    for (uint32_t i = 0; i < 3; i++) {
        char script[16];

        (void)snprintf(script, sizeof(script), "exit %d", codes[i]);
        LaunchRecord record = harness_run(&h, &(TestLaunch){ .arguments = SHELL(script), .attempt = i + 1 });
        cr_assert_eq(record.step, LAUNCH_STEP_NONE);
        cr_assert(WIFEXITED(record.wait_status));
        cr_assert_eq(WEXITSTATUS(record.wait_status), codes[i]);
    }
}

Test(launch, signals_and_core_flag) {
    LaunchRecord record = harness_run(&h, &(TestLaunch){ .arguments = SHELL("kill -KILL $$") });

    cr_assert(WIFSIGNALED(record.wait_status));
    cr_assert_eq(WTERMSIG(record.wait_status), SIGKILL);
    cr_assert(!WCOREDUMP(record.wait_status));

    // The default is no core file.
    record = harness_run(&h, &(TestLaunch){ .arguments = SHELL("kill -ABRT $$"), .attempt = 2, .directory = h.path });
    cr_assert_eq(WTERMSIG(record.wait_status), SIGABRT);
    cr_assert(!WCOREDUMP(record.wait_status));
}

Test(launch, failing_steps) {
    int fd = openat(h.path_fd, "no-program", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    fd = openat(h.path_fd, "no-format", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    cr_assert_eq(fchmod(fd, 0755), 0);
    cr_assert_eq(write(fd, "junk\n", 5), 5);
    (void)close(fd);
    cr_assert_eq(mkdirat(h.path_fd, "private", 0700), 0);

    char no_program[96], no_format[96], private[96], forbidden[96];
    (void)snprintf(no_program, sizeof(no_program), "%s/no-program", h.path);
    (void)snprintf(no_format, sizeof(no_format), "%s/no-format", h.path);
    (void)snprintf(private, sizeof(private), "%s/private", h.path);
    (void)snprintf(forbidden, sizeof(forbidden), "%s/records/file", h.path);
    char path_both[128], path_format[128];
    (void)snprintf(path_both, sizeof(path_both), "PATH=/nonexistent:%s:/also-not", h.path);
    (void)snprintf(path_format, sizeof(path_format), "PATH=%s:/bin", h.path);

    const struct {
        TestLaunch launch;
        LaunchStep step;
        int error;
    } table[] = {
        { { .arguments = ARGUMENTS("/nonexistent/program") }, LAUNCH_STEP_EXEC, ENOENT },
        { { .arguments = ARGUMENTS("corral-no-such-program") }, LAUNCH_STEP_EXEC, ENOENT },
        { { .arguments = ARGUMENTS("") }, LAUNCH_STEP_EXEC, ENOENT },
        { { .arguments = ARGUMENTS(no_program) }, LAUNCH_STEP_EXEC, EACCES },
        { { .arguments = ARGUMENTS(no_format) }, LAUNCH_STEP_EXEC, ENOEXEC },
        // A file that may not be executed counts for more than one that is not there.
        { { .arguments = ARGUMENTS("no-program"), .environment = ARGUMENTS(path_both) }, LAUNCH_STEP_EXEC, EACCES },
        { { .arguments = ARGUMENTS("no-format"), .environment = ARGUMENTS(path_format) }, LAUNCH_STEP_EXEC, ENOEXEC },
        { { .arguments = ARGUMENTS("true"), .environment = ARGUMENTS("PATH=/nonexistent") }, LAUNCH_STEP_EXEC, ENOENT },
        { { .arguments = ARGUMENTS("true"), .directory = "/nonexistent" }, LAUNCH_STEP_DIRECTORY, ENOENT },
        { { .arguments = ARGUMENTS("true"), .directory = "/etc/passwd" }, LAUNCH_STEP_DIRECTORY, ENOTDIR },
        { { .arguments = ARGUMENTS("true"), .directory = private, .uid = NOBODY, .gid = NOBODY },
          LAUNCH_STEP_DIRECTORY,
          EACCES },
        { { .arguments = ARGUMENTS("true"), .input = "/nonexistent" }, LAUNCH_STEP_STDIN, ENOENT },
        // Opened before the program is there, it would tell of its reaper.
        { { .arguments = ARGUMENTS("cat"), .input = "/proc/self/maps", .uid = NOBODY, .gid = NOBODY },
          LAUNCH_STEP_STDIN,
          EACCES },
        { { .arguments = ARGUMENTS("true"), .input = "/etc/shadow", .uid = NOBODY, .gid = NOBODY },
          LAUNCH_STEP_STDIN,
          EACCES },
        { { .arguments = ARGUMENTS("true"), .output = forbidden, .uid = NOBODY, .gid = NOBODY },
          LAUNCH_STEP_STDOUT,
          EACCES },
        { { .arguments = ARGUMENTS("true"), .error = forbidden, .uid = NOBODY, .gid = NOBODY },
          LAUNCH_STEP_STDERR,
          EACCES },
        { { .arguments = ARGUMENTS("true"), .error = "/nonexistent/file", .output = "/dev/null" },
          LAUNCH_STEP_STDERR,
          ENOENT },
    };

    for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        TestLaunch launch = table[i].launch;

        launch.attempt = i + 1;
        LaunchRecord record = harness_run(&h, &launch);
        cr_expect_eq(record.step, table[i].step, "row %u: step %u", i, record.step);
        cr_expect_eq(record.error, table[i].error, "row %u: %s", i, strerror(record.error));
        cr_expect_eq(record.wait_status, 0);
        cr_expect_gt(record.end_realtime, 0);
    }
    cr_assert(harness_await_event(&h, "populated", 0));
}

Test(launch, into_a_removed_cgroup) {
    cr_assert_eq(mkdirat(h.cgroup_fd, "1.gone", 0755), 0);
    int fd = file_open_directory_at(h.cgroup_fd, "1.gone");
    cr_assert_geq(fd, 0);
    cr_assert_eq(unlinkat(h.cgroup_fd, "1.gone", AT_REMOVEDIR), 0);

    TestPacket packet;
    LaunchRecord record;
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0") });
    harness_send(&h, &packet, size, &fd, 1);
    cr_assert(harness_wait(&h, 1, 60000, &record));
    cr_assert_eq(record.step, LAUNCH_STEP_CLONE);
    cr_assert(record.error == ENOENT || record.error == ENODEV, "%s", strerror(record.error));
    cr_assert_eq(record.pid, 0);
    // Of the failure: a stop that began before it is the reason for it.
    cr_assert_gt(record.end_boottime, record.start_boottime);
    (void)close(fd);
}

Test(launch, credentials) {
    const uint32_t groups[] = { 2000, 12, 1000 };
    LaunchRecord record = harness_run(&h, &(TestLaunch){ .arguments = ARGUMENTS("cat", "/proc/self/status"),
                                                         .keep = true,
                                                         .uid = NOBODY,
                                                         .gid = 100,
                                                         .groups = groups,
                                                         .n_groups = 3 });
    const char *status = harness_output(&h, 1, STDOUT_SUFFIX);

    cr_assert_eq(record.wait_status, 0);
    cr_assert(has_line(status, "Uid:\t65534\t65534\t65534\t65534"), "%s", status);
    cr_assert(has_line(status, "Gid:\t100\t100\t100\t100"), "%s", status);
    cr_assert(has_line(status, "Groups:\t12 1000 2000 "), "%s", status);
    cr_assert(has_line(status, "CapInh:\t0000000000000000"), "%s", status);
    cr_assert(has_line(status, "CapPrm:\t0000000000000000"), "%s", status);
    cr_assert(has_line(status, "CapEff:\t0000000000000000"), "%s", status);
    cr_assert(has_line(status, "CapAmb:\t0000000000000000"), "%s", status);
    cr_assert(has_line(status, "SigBlk:\t0000000000000000"), "%s", status);
    cr_assert(has_line(status, "SigIgn:\t0000000000000000"), "%s", status);
    cr_assert(has_line(status, "SigCgt:\t0000000000000000"), "%s", status);
}

Test(launch, no_groups_are_inherited) {
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("id -u; id -g; id -G"), .keep = true, .uid = NOBODY, .gid = 7 });
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "65534\n7\n7\n");
}

Test(launch, many_groups) {
    uint32_t groups[LAUNCH_GROUPS_MAX];

    for (uint32_t i = 0; i < LAUNCH_GROUPS_MAX; i++)
        groups[i] = 5000 - i;
    LaunchRecord record = harness_run(&h, &(TestLaunch){ .arguments = SHELL("id -G | wc -w"),
                                                         .keep = true,
                                                         .uid = NOBODY,
                                                         .gid = 5000,
                                                         .groups = groups,
                                                         .n_groups = LAUNCH_GROUPS_MAX });
    cr_assert_eq(record.step, LAUNCH_STEP_NONE);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "1024\n");
}

Test(launch, session_cgroup_and_descriptors) {
    LaunchRecord record = harness_run(
        &h, &(TestLaunch){ .arguments =
                               SHELL("cat /proc/$$/stat; cat /proc/$$/cgroup; ls /proc/$$/fd; readlink /proc/$$/fd/0"),
                           .keep = true,
                           .environment = ARGUMENTS("PATH=/bin") });
    const char *text = harness_output(&h, 1, STDOUT_SUFFIX);
    int pid, parent, group, session, terminal;

    cr_assert_eq(sscanf(text, "%d (%*[^)]) %*c %d %d %d %d", &pid, &parent, &group, &session, &terminal), 5);
    cr_assert_eq(pid, record.pid);
    cr_assert_eq(group, pid);
    cr_assert_eq(session, pid);
    cr_assert_eq(terminal, 0);
    char cgroup[160];
    (void)snprintf(cgroup, sizeof(cgroup), "0::%s", strrchr(h.cgroup_path, '/'));
    cr_assert(has_line(text, cgroup), "%s", text);
    cr_assert_str_eq(strstr(text, "\n0\n1\n2\n"), "\n0\n1\n2\n/dev/null\n", "%s", text);
}

Test(launch, environment_and_arguments_are_exact) {
    harness_run(&h, &(TestLaunch){ .arguments = ARGUMENTS("/usr/bin/env"),
                                   .keep = true,
                                   .environment = ARGUMENTS("B=2", "A=with space", "C=") });
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "B=2\nA=with space\nC=\n");

    harness_run(
        &h, &(TestLaunch){ .arguments = ARGUMENTS("printf", "[%s]", "a b", "", "$HOME"), .keep = true, .attempt = 2 });
    cr_assert_str_eq(harness_output(&h, 2, STDOUT_SUFFIX), "[a b][][$HOME]");

    harness_run(&h, &(TestLaunch){ .arguments = ARGUMENTS("/usr/bin/env"), .keep = true, .attempt = 3 });
    cr_assert(!harness_has(&h, h.output_fd, 3, STDOUT_SUFFIX));
}

Test(launch, program_is_searched_in_the_path_of_the_task) {
    char path[96];

    cr_assert_eq(symlinkat("/bin/echo", h.path_fd, "corral-echo"), 0);
    (void)snprintf(path, sizeof(path), "PATH=/nonexistent:%s", h.path);
    LaunchRecord record = harness_run(
        &h, &(TestLaunch){ .arguments = ARGUMENTS("corral-echo", "x"), .keep = true, .environment = ARGUMENTS(path) });
    cr_assert_eq(record.step, LAUNCH_STEP_NONE);
    // An empty entry is the work directory.
    record = harness_run(&h, &(TestLaunch){ .arguments = ARGUMENTS("corral-echo", "x"),
                                            .keep = true,
                                            .attempt = 2,
                                            .environment = ARGUMENTS("PATH=/nonexistent:"),
                                            .directory = h.path });
    cr_assert_eq(record.step, LAUNCH_STEP_NONE);
}

Test(launch, umask_and_directory) {
    char output[96];
    struct stat st;

    (void)snprintf(output, sizeof(output), "%s/out", h.path);
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("umask; pwd; touch made"),
                                   .umask = 027,
                                   .directory = h.path,
                                   .output = output,
                                   .uid = NOBODY,
                                   .gid = NOBODY });
    cr_assert_eq(fstatat(h.path_fd, "made", &st, 0), 0);
    cr_assert_eq(st.st_mode & 0777, 0640);
    cr_assert_eq(fstatat(h.path_fd, "out", &st, 0), 0);
    cr_assert_eq(st.st_mode & 0777, 0640);
    cr_assert_eq(st.st_uid, NOBODY);
    char expected[96];
    (void)snprintf(expected, sizeof(expected), "0027\n%s\n", h.path);
    cr_assert_str_eq(harness_read(&h, "out"), expected);
}

Test(launch, streams_are_files) {
    int fd = openat(h.path_fd, "in", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_eq(write(fd, "input\n", 6), 6);
    cr_assert_eq(fchmod(fd, 0644), 0);
    (void)close(fd);

    // Relative to the work directory; the same path twice is one open file, and what was in it is gone.
    for (uint32_t i = 1; i <= 2; i++)
        harness_run(&h, &(TestLaunch){ .arguments = SHELL("cat; echo error >&2; echo output"),
                                       .directory = h.path,
                                       .input = "in",
                                       .output = "both",
                                       .error = "both",
                                       .attempt = i });
    cr_assert_str_eq(harness_read(&h, "both"), "input\nerror\noutput\n");
    // Two open files could not both have the lock.
    LaunchRecord locked = harness_run(&h, &(TestLaunch){ .arguments = SHELL("flock -n 1 && flock -n 2"),
                                                         .attempt = 4,
                                                         .directory = h.path,
                                                         .output = "both",
                                                         .error = "both" });
    cr_assert_eq(locked.wait_status, 0);
    LaunchRecord record = harness_run(
        &h,
        &(TestLaunch){
            .arguments = SHELL("echo o; echo e >&2"), .attempt = 3, .directory = h.path, .output = "o", .error = "e" });
    cr_assert_str_eq(harness_read(&h, "o"), "o\n");
    cr_assert_str_eq(harness_read(&h, "e"), "e\n");
    cr_assert_eq(record.stdout_kept, 0);
    cr_assert(!harness_has(&h, h.output_fd, 3, STDOUT_SUFFIX));
}

Test(launch, limits) {
    struct rlimit files;
    TestLaunch launch = { .arguments = SHELL("ulimit -Sc; ulimit -Sn; ulimit -Hn; ulimit -St; ulimit -Sf"),
                          .keep = true };
    char expected[96];

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    harness_run(&h, &launch);
    (void)snprintf(expected, sizeof(expected), "0\n1024\n%llu\nunlimited\nunlimited\n",
                   (unsigned long long)files.rlim_max);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), expected);

    launch.attempt = 2;
    launch.limits_set = 1u << RLIMIT_CORE | 1u << RLIMIT_NOFILE | 1u << RLIMIT_CPU;
    launch.limits[RLIMIT_CORE] = 512;
    launch.limits[RLIMIT_NOFILE] = UINT64_MAX - 1; // cut to the hard limit
    launch.limits[RLIMIT_CPU] = 77;
    harness_run(&h, &launch);
    (void)snprintf(expected, sizeof(expected), "1\n%llu\n%llu\n77\nunlimited\n", (unsigned long long)files.rlim_max,
                   (unsigned long long)files.rlim_max);
    cr_assert_str_eq(harness_output(&h, 2, STDOUT_SUFFIX), expected);

    // Too few for the launch itself, but not for the task.
    launch.attempt = 3;
    launch.arguments = SHELL("ulimit -Sn");
    launch.limits[RLIMIT_NOFILE] = 4;
    launch.directory = h.path;
    launch.output = "limited";
    LaunchRecord record = harness_run(&h, &launch);
    cr_assert_eq(record.step, LAUNCH_STEP_NONE, "step %u: %s", record.step, strerror(record.error));
}

Test(launch, oom_score_is_not_inherited) {
    char own[16];

    harness_run(&h, &(TestLaunch){ .arguments = ARGUMENTS("cat", "/proc/self/oom_score_adj"),
                                   .keep = true,
                                   .uid = NOBODY,
                                   .gid = NOBODY });
    cr_assert_gt(file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", own, sizeof(own)), 0);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), own[0] == '-' ? "0\n" : own);
}

// The launcher of this test inherits a protection, and its task must not be able to take it back.
Test(protected, oom_score_stays_off, .init = NULL, .fini = stop, .timeout = 60) {
    if (file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "-500") < 0)
        cr_skip_test("may not protect itself from the OOM killer");
    harness_start(&h);
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("echo -1 >/proc/self/oom_score_adj || "
                                                      "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj"),
                                   .keep = true,
                                   .uid = NOBODY,
                                   .gid = NOBODY });
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "0\n-900\n");
}

static void read_oom_score(pid_t pid, char text[static 16]) {
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
    cr_assert_gt(file_read_at(AT_FDCWD, path, text, 16), 0);
}

// They share memory until the program runs. The kernel would kill both for want of it, as it sets the score of both, if
// it took them for one; see clone.c.
Test(launch, reaper_is_not_one_with_its_task) {
    char fifo[80], path[64], before[16], after[16];

    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", h.path);
    cr_assert_eq(mkfifo(fifo, 0666), 0);
    harness_launch(&h, &(TestLaunch){ .arguments = ARGUMENTS("true"), .input = fifo });
    pid_t child = harness_member(&h), reaper = process_parent(child);
    read_oom_score(reaper, before);
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", child);
    cr_assert_eq(file_write_at(AT_FDCWD, path, "500"), 0);
    read_oom_score(reaper, after);
    cr_assert_str_eq(after, before);
}

Test(launch, second_claim_wins_nothing) {
    AttemptKey key = { .job = 7, .run = 1, .task = 2, .attempt = 1 };
    LaunchRecord record;
    int fd;

    cr_assert_eq(claim_create(h.records_fd, &key, &fd), 0);
    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("exit 0") });
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("exit 0"), .attempt = 2 });
    cr_assert(!harness_wait(&h, 1, 100, &record));
    (void)close(fd);

    // Nor does a launch that comes twice run twice.
    TestLaunch launch = { .arguments = SHELL("echo x; sleep 0.2"), .keep = true, .attempt = 3 };
    harness_launch(&h, &launch);
    harness_launch(&h, &launch);
    cr_assert(harness_wait(&h, 3, 60000, &record));
    sleep_msec(50);
    cr_assert_str_eq(harness_output(&h, 3, STDOUT_SUFFIX), "x\n");

    // Not even when the first has ended.
    LaunchRecord again;
    harness_launch(&h, &launch);
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("sleep 0.3"), .attempt = 4 });
    cr_assert(harness_wait(&h, 3, 0, &again));
    cr_assert_eq(memcmp(&record, &again, sizeof(record)), 0);
    cr_assert(!harness_has(&h, h.records_fd, 3, CLAIM_SUFFIX));
}

static int lock_claim(void) {
    AttemptKey key = { .job = 7, .run = 1, .task = 2, .attempt = 1 };
    char name[ATTEMPT_NAME_MAX];
    int fd = openat(h.records_fd, attempt_file_name(name, &key, CLAIM_SUFFIX), O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    int r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

Test(launch, reaper_that_dies_leaves_an_unlocked_claim) {
    harness_launch(&h, &(TestLaunch){ .arguments = ARGUMENTS("sleep", "30") });
    pid_t task = harness_member(&h), reaper = process_parent(task);

    cr_assert_neq(reaper, h.launcher);
    cr_assert_eq(lock_claim(), -EWOULDBLOCK);
    // It does not die of what it may be sent by mistake.
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(kill(reaper, (int[]){ SIGTERM, SIGINT, SIGHUP, SIGPIPE }[i]), 0);
    sleep_msec(50);
    cr_assert_eq(lock_claim(), -EWOULDBLOCK);

    // The task may still be on its way to its program, and until then it holds the lock too.
    sleep_msec(200);
    cr_assert_eq(kill(reaper, SIGKILL), 0);
    int r = -EWOULDBLOCK;
    for (unsigned i = 0; i < 1000 && r < 0; i++, sleep_msec(1))
        r = lock_claim();
    cr_assert_eq(r, 0);
    cr_assert(!harness_has(&h, h.records_fd, 1, RECORD_SUFFIX));
    cr_assert_neq(process_state(task), 0);
}

Test(launch, launcher_that_dies_takes_no_record_along) {
    LaunchRecord record;

    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("sleep 0.3; echo late; exit 9"), .keep = true });
    (void)harness_member(&h);
    cr_assert_eq(kill(h.launcher, SIGKILL), 0);
    cr_assert(harness_wait(&h, 1, 60000, &record));
    cr_assert_eq(WEXITSTATUS(record.wait_status), 9);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "late\n");
}

Test(launch, agent_that_dies_ends_the_launcher_alone) {
    LaunchRecord record;
    int status;

    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("sleep 0.3; exit 9") });
    (void)close(h.socket);
    h.socket = -1;
    cr_assert_eq(waitpid(h.launcher, &status, 0), h.launcher);
    cr_assert_eq(status, 0);
    h.launcher = 0;
    cr_assert(harness_wait(&h, 1, 60000, &record));
    cr_assert_eq(WEXITSTATUS(record.wait_status), 9);
}

Test(launch, killed_before_its_program) {
    LaunchRecord record;

    // A child that is born frozen never gets there, and its reaper waits; the kill releases both.
    harness_freeze(&h, true);
    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("echo never"), .keep = true });
    (void)harness_member(&h);
    cr_assert(!harness_wait(&h, 1, 50, &record));
    cr_assert_eq(file_write_at(h.cgroup_fd, "cgroup.kill", "1"), 0);
    cr_assert(harness_wait(&h, 1, 60000, &record));
    cr_assert_eq(record.step, LAUNCH_STEP_NONE);
    cr_assert(WIFSIGNALED(record.wait_status));
    cr_assert_eq(WTERMSIG(record.wait_status), SIGKILL);
    harness_freeze(&h, false);
}

Test(launch, files_belong_to_the_owner_of_their_directory) {
    struct stat st;

    cr_assert_eq(fchown(h.output_fd, 1234, 1235), 0);
    cr_assert_eq(fchown(h.records_fd, 1234, 1235), 0);
    harness_run(&h, &(TestLaunch){ .arguments = SHELL("echo x"), .keep = true, .uid = NOBODY, .gid = NOBODY });
    cr_assert_eq(fstatat(h.output_fd, "7.1.2.1.stdout", &st, 0), 0);
    cr_assert_eq(st.st_uid, 1234);
    cr_assert_eq(st.st_gid, 1235);
    cr_assert_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(fstatat(h.records_fd, "7.1.2.1.record", &st, 0), 0);
    cr_assert_eq(st.st_uid, 1234);
    cr_assert_eq(st.st_mode & 07777, 0600);
}
