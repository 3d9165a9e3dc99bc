// SPDX-License-Identifier: LGPL-2.1-or-later
// Who owns an attempt, and how far it has come.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/claim.h"

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

static int mark(void) {
    int fd = openat(dir, "1.2.3.4.claim", O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    int r = claim_read_mark(fd);
    (void)close(fd);
    return r;
}

Test(claim, taken_for_good) {
    int fd = -1;

    cr_assert_eq(claim_take(dir, &key), 0);
    cr_assert_eq(mark(), CLAIM_MARK_TAKEN);
    cr_assert_eq(lock(), 0);
    cr_assert_eq(claim_create(dir, &key, &fd), -EEXIST);
    cr_assert_eq(claim_take(dir, &key), -EEXIST);
}

Test(claim, tells_how_far_its_owner_came) {
    int fd;

    cr_assert_eq(claim_create(dir, &key, &fd), 0);
    cr_assert_eq(mark(), CLAIM_MARK_NONE);
    cr_assert_eq(claim_take(dir, &key), -EEXIST);
    cr_assert_eq(claim_mark_started(fd), 0);
    cr_assert_eq(mark(), CLAIM_MARK_STARTED);
    // A record that did not get its name is no other mark.
    LaunchRecord record = { .magic = LAUNCH_RECORD_MAGIC };
    cr_assert_eq(pwrite(fd, &record, sizeof(record), 0), (ssize_t)sizeof(record));
    cr_assert_eq(mark(), CLAIM_MARK_STARTED);
    (void)close(fd);
    cr_assert_eq(mark(), CLAIM_MARK_STARTED);
    cr_assert_eq(claim_read_mark(-1), -EBADF);
}

Test(claim, of_an_attempt_that_has_ended) {
    int fd = -1, record = openat(dir, "1.2.3.4.record", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(record, 0);
    (void)close(record);
    cr_assert_eq(claim_create(dir, &key, &fd), -EEXIST);
    cr_assert_eq(claim_take(dir, &key), -EEXIST);
    cr_assert_eq(fd, -1);
    cr_assert_eq(unlinkat(dir, "1.2.3.4.record", 0), 0);
    // Nothing was left behind by the tries.
    cr_assert_eq(claim_create(dir, &key, &fd), 0);
    (void)close(fd);
}

Test(claim, without_a_name_goes_with_its_maker) {
    int fd = openat(dir, "new.7", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_eq(flock(fd, LOCK_EX), 0);
    claim_remove_unnamed(dir, "new.7");
    cr_assert_eq(faccessat(dir, "new.7", F_OK, 0), 0, "its maker lives");
    (void)close(fd);
    claim_remove_unnamed(dir, "new.7");
    cr_assert_lt(faccessat(dir, "new.7", F_OK, 0), 0);
    claim_remove_unnamed(dir, "new.7");
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

Test(claim, comes_through_a_sweep) {
    // Somebody sweeps all the time: a try may fail, and the next one is as good as the first.
    char name[32];
    int fd, status;

    (void)snprintf(name, sizeof(name), CLAIM_UNNAMED_PREFIX "%d", (int)getpid());
    pid_t pid = fork();
    (void)(pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL));
    while (pid == 0)
        claim_remove_unnamed(dir, name);
    for (unsigned i = 0; i < 20000; i++) {
        int r = claim_create(dir, &key, &fd);
        cr_assert(r == 0 || r == -EAGAIN, "%s", strerror(-r));
        if (r == 0) {
            cr_assert_eq(unlinkat(dir, "1.2.3.4.claim", 0), 0);
            (void)close(fd);
        }
    }
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
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
