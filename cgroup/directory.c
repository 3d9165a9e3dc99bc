// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/directory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

bool directory_name_is_valid(const char *name) {
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

bool directory_is_removed(int fd) {
    _Alignas(struct dirent64) char entries[1024];

    // Reading it is the one thing that a removed directory, and only that, refuses with ENOENT; link counts do not
    // tell.
    return getdents64(fd, entries, sizeof entries) < 0 && errno == ENOENT;
}

bool directory_is_leaf(int fd) {
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_nlink == 2;
}

int directory_open(int dir_fd, const char *name, DIR **ret) {
    AUTO_CLOSE int fd = file_open_directory_at(dir_fd, name);

    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return -errno;
    (void)TAKE_FD(fd);
    *ret = dir;
    return 0;
}

int directory_next(DIR *dir, const char **ret_name) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            return errno == ENOENT ? 0 : -errno;
        if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) || !directory_name_is_valid(entry->d_name))
            continue;
        *ret_name = entry->d_name;
        return 1;
    }
}
