// SPDX-License-Identifier: LGPL-2.1-or-later
// Names of the reapers' files, texts, and who owns an attempt.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/protocol.h"

Test(names, round_trip) {
    static const AttemptKey keys[] = {
        { 1, 1, 1, 1, 0 },
        { 90, 2, 300, 4, 0 },
        { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0 },
    };
    static const char *const names[] = {
        "1.1.1.1.record",
        "90.2.300.4.record",
        "18446744073709551615.4294967295.4294967295.4294967295.record",
    };

    for (size_t i = 0; i < 3; i++) {
        char name[ATTEMPT_NAME_MAX];
        AttemptKey key;

        cr_assert_str_eq(attempt_file_name(name, &keys[i], RECORD_SUFFIX), names[i]);
        cr_assert_eq(attempt_parse_file_name(name, RECORD_SUFFIX, &key), 0);
        cr_assert_eq(memcmp(&key, &keys[i], sizeof(key)), 0);
        cr_assert_eq(attempt_parse_file_name(name, CLAIM_SUFFIX, &key), -EINVAL);
    }
}

Test(names, bad_ones_are_refused) {
    static const char *const names[] = {
        "",
        ".",
        "..",
        ".record",
        "1.1.1.record",
        "1.1.1.1",
        "1.1.1.1.1.record",
        "1.1.1.1.recor",
        "1.1.1.1.records",
        "1.1.1.1.claim",
        "1.1.1.1.record.record",
        "0.1.1.1.record",
        "1.0.1.1.record",
        "1.1.1.0.record",
        "01.1.1.1.record",
        "1.1.1.01.record",
        "+1.1.1.1.record",
        " 1.1.1.1.record",
        "-1.1.1.1.record",
        "1.1.-1.1.record",
        "1..1.1.1.record",
        "a.1.1.1.record",
        "1.1.1.1 .record",
        "18446744073709551616.1.1.1.record",
        "99999999999999999999999.1.1.1.record",
        "1.4294967296.1.1.record",
        "1.1.4294967296.1.record",
        "1.1.1.4294967296.record",
    };
    AttemptKey key = { .job = 5 };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(attempt_parse_file_name(names[i], RECORD_SUFFIX, &key), -EINVAL, "%s", names[i]);
    cr_assert_eq(key.job, 5);
}

Test(names, each_step_has_a_text_of_its_own) {
    for (int i = 0; i <= _LAUNCH_STEP_LAST; i++)
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(launch_step_text((LaunchStep)i), launch_step_text((LaunchStep)j));
    cr_assert_not_null(launch_step_text((LaunchStep)(_LAUNCH_STEP_LAST + 1)));
}

static char path[] = "/tmp/corral-test.XXXXXX";
static int dir;
static const AttemptKey key = { 1, 2, 3, 4, 0 };

static void make_directory(void) {
    cr_assert_not_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remove_directory(void) {
    (void)unlinkat(dir, "1.2.3.4.claim", 0);
    (void)close(dir);
    cr_expect_eq(rmdir(path), 0);
}

TestSuite(claim, .init = make_directory, .fini = remove_directory, .timeout = 30);

static int lock(void) {
    int fd = openat(dir, "1.2.3.4.claim", O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    int r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

Test(claim, only_one_owns_an_attempt) {
    int fd = -1, second = -7;
    struct stat st;

    cr_assert_eq(claim_create(dir, &key, &fd), 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(st.st_size, 0);
    cr_assert_eq(claim_create(dir, &key, &second), -EEXIST);
    cr_assert_eq(second, -7);
    (void)close(fd);
    cr_assert_eq(claim_create(dir, &key, &second), -EEXIST);
}

Test(claim, is_locked_while_its_owner_lives) {
    int fd;

    cr_assert_eq(claim_create(dir, &key, &fd), 0);
    cr_assert_eq(lock(), -EWOULDBLOCK);
    (void)close(fd);
    cr_assert_eq(lock(), 0);
}

static bool is_taken(void) {
    int fd = openat(dir, "1.2.3.4.claim", O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    bool taken = claim_is_taken(fd);
    (void)close(fd);
    return taken;
}

Test(claim, taken_for_good) {
    int fd = -1;

    cr_assert_eq(claim_take(dir, &key), 0);
    cr_assert(is_taken());
    cr_assert_eq(lock(), 0);
    cr_assert_eq(claim_create(dir, &key, &fd), -EEXIST);
    cr_assert_eq(claim_take(dir, &key), -EEXIST);
}

Test(claim, of_a_dead_owner_is_not_taken) {
    int fd;

    cr_assert_eq(claim_create(dir, &key, &fd), 0);
    cr_assert_not(is_taken());
    cr_assert_eq(claim_take(dir, &key), -EEXIST);
    // Half a record is no mark either.
    LaunchRecord record = { .magic = LAUNCH_RECORD_MAGIC };
    cr_assert_eq(write(fd, &record, sizeof(record)), (ssize_t)sizeof(record));
    cr_assert_not(is_taken());
    (void)close(fd);
    cr_assert_not(is_taken());
}

Test(claim, is_never_seen_unlocked) {
    // Others create and let go of claims; whoever sees one with a living owner must find it locked.
    for (unsigned i = 0; i < 200; i++) {
        int go[2], fd;
        char c;

        cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(go[1]);
            if (claim_create(dir, &key, &fd) < 0)
                _exit(1);
            _exit(read(go[0], &c, 1) == 0 ? 0 : 1); // until the parent has looked
        }
        (void)close(go[0]);
        while (faccessat(dir, "1.2.3.4.claim", F_OK, 0) < 0)
            ;
        cr_assert_eq(lock(), -EWOULDBLOCK);
        (void)close(go[1]);
        int status;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
        cr_assert_eq(unlinkat(dir, "1.2.3.4.claim", 0), 0);
    }
}

Test(claim, in_a_directory_that_has_gone) {
    int fd = -1;

    cr_assert_eq(mkdirat(dir, "gone", 0700), 0);
    int gone = openat(dir, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(unlinkat(dir, "gone", AT_REMOVEDIR), 0);
    int r = claim_create(gone, &key, &fd);
    cr_assert(r == -ENOENT || r == -EPERM, "%s", strerror(-r)); // ext4 says the latter
    cr_assert_eq(fd, -1);
    (void)close(gone);
}
