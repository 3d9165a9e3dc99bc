// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/reserve.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "reserve"
#define SIZE (1024 * 1024)

int reserve_make(int state_fd) {
    struct stat status;

    AUTO_CLOSE int fd = openat(state_fd, NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISREG(status.st_mode) && status.st_size >= SIZE)
        return 0;
    int r = posix_fallocate(fd, 0, SIZE);
    if (r != 0)
        (void)unlinkat(state_fd, NAME, 0); // half a reserve takes room and is none
    return -r;
}

bool reserve_release(int state_fd) {
    return unlinkat(state_fd, NAME, 0) == 0;
}
