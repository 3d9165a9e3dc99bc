// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH_MAX 64
#define DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool is_cgroup(int fd) {
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

// <root>/<name>. The part of it that others than root may change is the last one, and that must be of the same kind.
static int open_part(const char *root, const char *name) {
    AUTO_CLOSE int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -errno;
    AUTO_CLOSE int fd = openat(root_fd, name, DIRECTORY);
    if (fd < 0)
        return -errno;
    return is_cgroup(fd) ? TAKE_FD(fd) : -ENOTDIR;
}

static int open_parent(int fd) {
    struct open_how how = { .flags = DIRECTORY, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };

    int parent = (int)syscall(SYS_openat2, fd, "..", &how, sizeof(how));
    return parent < 0 ? -errno : parent;
}

int tree_check(const char *root, int fd) {
    struct stat jobs, here;

    AUTO_CLOSE int jobs_fd = open_part(root, "jobs");
    if (jobs_fd < 0)
        return jobs_fd;
    if (fstat(jobs_fd, &jobs) < 0)
        return -errno;
    AUTO_CLOSE int at = -1;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        int parent = open_parent(at < 0 ? fd : at);
        if (parent < 0)
            return parent == -EXDEV || parent == -ENOENT ? -EXDEV : parent;
        (void)close_fd(at);
        at = parent;
        if (fstat(at, &here) < 0)
            return -errno;
        if (here.st_dev == jobs.st_dev && here.st_ino == jobs.st_ino)
            return 0;
    }
    return -EXDEV;
}

int tree_open_launcher(const char *root) {
    return open_part(root, "launcher");
}
