// SPDX-License-Identifier: LGPL-2.1-or-later
// Reapers in trouble: no room for the record, a directory that has gone, a launcher without privileges.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/launcher/harness.h"

static Harness h;

static void stop(void) {
    harness_deinit(&h);
}

static void start(void) {
    harness_init(&h);
}

TestSuite(trouble, .init = start, .fini = stop, .timeout = 60);

// Puts the records on a file system of one page, in a mount namespace that ends with the test.
static void use_tiny_records(void) {
    char path[80];

    (void)snprintf(path, sizeof(path), "%s/records", h.path);
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount("corral-test", path, "tmpfs", 0, "size=4096,mode=0700"), 0);
    (void)close(h.records_fd);
    h.records_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Stays only as long as somebody has it open, and out of the way of the clean-up.
    cr_assert_eq(umount2(path, MNT_DETACH), 0);
}

static void fill(void) {
    static char page[4096];
    int fd = openat(h.records_fd, "full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_eq(write(fd, page, sizeof(page)), (ssize_t)sizeof(page));
    (void)close(fd);
}

Test(trouble, record_waits_for_room) {
    LaunchRecord record;

    use_tiny_records();
    fill();
    harness_greet(&h);
    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("exit 8") });
    cr_assert(!harness_wait(&h, 1, 300, &record));
    cr_assert(harness_has(&h, h.records_fd, 1, CLAIM_SUFFIX));
    cr_assert_eq(unlinkat(h.records_fd, "full", 0), 0);
    cr_assert(harness_wait(&h, 1, 10000, &record));
    cr_assert_eq(WEXITSTATUS(record.wait_status), 8);
    // The end of the task, not of the wait.
    cr_assert_lt(record.end_boottime - record.start_boottime, 250000);
}

Test(trouble, records_that_have_gone) {
    harness_greet(&h);
    cr_assert_eq(unlinkat(h.path_fd, "records", AT_REMOVEDIR), 0);
    harness_launch(&h, &(TestLaunch){ .arguments = SHELL("touch ran"), .directory = h.path });
    sleep_msec(300);
    // Nothing can be claimed, so nothing is started, and the reaper does not wait for ever.
    cr_assert_neq(faccessat(h.path_fd, "ran", F_OK, 0), 0);
    cr_assert(harness_await_event(&h, "populated", 0));
    cr_assert_eq(waitpid(h.launcher, NULL, WNOHANG), 0);
}

static void start_unprivileged(void) {
    harness_start_unprivileged(&h);
}

TestSuite(unprivileged, .init = start_unprivileged, .fini = stop, .timeout = 60);

static int make_leaf(void) {
    cr_assert_eq(mkdirat(h.cgroup_fd, "1.task", 0755), 0);
    cr_assert_eq(fchownat(h.cgroup_fd, "1.task/cgroup.procs", NOBODY, NOBODY, 0), 0);
    int fd = file_open_directory_at(h.cgroup_fd, "1.task");
    cr_assert_geq(fd, 0);
    return fd;
}

Test(unprivileged, starts_tasks_of_its_own_user) {
    TestPacket packet;
    LaunchRecord record;
    int leaf = make_leaf();
    // Other ids than the user's are not even tried.
    size_t size = packet_build(&packet, &(TestLaunch){ .arguments = SHELL("id -u; id -g; id -G"),
                                                       .keep = true,
                                                       .uid = NOBODY,
                                                       .gid = 1,
                                                       .groups = (uint32_t[]){ 1 },
                                                       .n_groups = 1 });

    harness_send(&h, &packet, size, &leaf, 1);
    cr_assert(harness_wait(&h, 1, 60000, &record));
    cr_assert_eq(record.step, LAUNCH_STEP_NONE, "step %u: %s", record.step, strerror(record.error));
    cr_assert_eq(record.wait_status, 0);
    cr_assert_str_eq(harness_output(&h, 1, STDOUT_SUFFIX), "65534\n65534\n65534\n");
    (void)close(leaf);
}

Test(unprivileged, refuses_other_users) {
    static const uint32_t others[] = { 0, 1000 };
    TestPacket packet;
    LaunchRecord record;
    int leaf = make_leaf();

    for (uint32_t i = 0; i < 2; i++) {
        size_t size =
            packet_build(&packet, &(TestLaunch){ .arguments = SHELL("exit 0"), .uid = others[i], .attempt = i + 1 });

        harness_send(&h, &packet, size, &leaf, 1);
        cr_assert(harness_wait(&h, i + 1, 60000, &record));
        cr_assert_eq(record.step, LAUNCH_STEP_REQUEST);
        cr_assert_eq(record.error, EPERM);
        cr_assert_eq(record.pid, 0);
    }
    (void)close(leaf);
}
