// SPDX-License-Identifier: LGPL-2.1-or-later
// A mark is the size of the file: it changes at once or not at all, and needs no room.
#include "agent/launcher/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SIZE_TAKEN 1

// A name of this process alone, for the moment before the claim has its own. What a dead process of this pid has left
// goes.
static int make_unnamed(int records_fd, const char *name) {
    int fd = attempt_file_create(records_fd, name, O_RDWR);

    if (fd == -EEXIST && unlinkat(records_fd, name, 0) == 0)
        fd = attempt_file_create(records_fd, name, O_RDWR);
    return fd;
}

static int give_name(int records_fd, const char *unnamed, const AttemptKey *key) {
    char claim[ATTEMPT_NAME_MAX], record[ATTEMPT_NAME_MAX];

    attempt_file_name(claim, key, CLAIM_SUFFIX);
    // One who has taken the file before for a dead process's may remove this one, too: both have the same name.
    if (renameat2(records_fd, unnamed, records_fd, claim, RENAME_NOREPLACE) < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    // An attempt that has ended already, whose claim has turned into its record, is not to be had either.
    if (faccessat(records_fd, attempt_file_name(record, key, RECORD_SUFFIX), F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    (void)unlinkat(records_fd, claim, 0);
    return -EEXIST;
}

// The file gets its name when it is locked and marked already: there is no moment at which a living reaper's claim, or
// one that was taken, looks dead. It gets it by a rename and not by a link to an O_TMPFILE, so that inotify knows the
// open file by that name when it is closed.
static int create(int records_fd, const AttemptKey *key, off_t size, int *ret_fd) {
    char unnamed[ATTEMPT_NAME_MAX];

    (void)snprintf(unnamed, sizeof(unnamed), CLAIM_UNNAMED_PREFIX "%d", (int)getpid());
    AUTO_CLOSE int fd = make_unnamed(records_fd, unnamed);
    if (fd < 0)
        return fd;
    int r = flock(fd, LOCK_EX | LOCK_NB) < 0 || ftruncate(fd, size) < 0 ? -errno : 0;
    if (r >= 0)
        r = give_name(records_fd, unnamed, key);
    if (r < 0) {
        (void)unlinkat(records_fd, unnamed, 0);
        return r;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int claim_create(int records_fd, const AttemptKey *key, int *ret_fd) {
    return create(records_fd, key, 0, ret_fd);
}

int claim_take(int records_fd, const AttemptKey *key) {
    AUTO_CLOSE int fd = -1;

    return create(records_fd, key, SIZE_TAKEN, &fd);
}

int claim_mark_started(int claim_fd) {
    return ftruncate(claim_fd, sizeof(LaunchRecord)) < 0 ? -errno : 0;
}

int claim_read_mark(int claim_fd) {
    struct stat st;

    if (fstat(claim_fd, &st) < 0)
        return -errno;
    return st.st_size == 0 ? CLAIM_MARK_NONE : st.st_size == SIZE_TAKEN ? CLAIM_MARK_TAKEN : CLAIM_MARK_STARTED;
}

void claim_remove_unnamed(int records_fd, const char *name) {
    AUTO_CLOSE int fd = openat(records_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    // A maker that has not locked it yet cannot do so now, and tries again.
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) >= 0)
        (void)unlinkat(records_fd, name, 0);
}
