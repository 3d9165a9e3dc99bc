// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES 200
#define LOCK_PAUSE 10000 // microseconds

ssize_t file_read_at(int dir_fd, const char *name, char *buffer, size_t size) {
    AUTO_CLOSE int fd = TEMP_FAILURE_RETRY(openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    size_t length = 0;

    if (fd < 0)
        return -errno;
    // A file of exactly size bytes fills the buffer and leaves no room for the NUL: too big, like anything longer.
    while (length < size) {
        ssize_t r = TEMP_FAILURE_RETRY(read(fd, buffer + length, size - length));
        if (r < 0)
            return -errno;
        if (r == 0) {
            buffer[length] = '\0';
            return (ssize_t)length;
        }
        length += (size_t)r;
    }
    return -E2BIG;
}

ssize_t file_read_line_at(int dir_fd, const char *name, char *buffer, size_t size) {
    ssize_t length = file_read_at(dir_fd, name, buffer, size);

    if (length > 0 && buffer[length - 1] == '\n')
        buffer[--length] = '\0';
    return length;
}

int file_write_at(int dir_fd, const char *name, const char *text) {
    AUTO_CLOSE int fd = TEMP_FAILURE_RETRY(openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOCTTY));
    size_t size = strlen(text);

    if (fd < 0)
        return -errno;
    ssize_t written = TEMP_FAILURE_RETRY(write(fd, text, size));
    if (written < 0)
        return -errno;
    return (size_t)written == size ? 0 : -EIO;
}

int file_write_all(int fd, const void *data, size_t size) {
    const char *rest = data;

    while (size > 0) {
        ssize_t written = TEMP_FAILURE_RETRY(write(fd, rest, size));
        if (written < 0)
            return -errno;
        if (written == 0)
            return -EIO; // no progress and no reason given: better than turning in circles
        rest += written;
        size -= (size_t)written;
    }
    return 0;
}

int file_make_directories(const char *path, mode_t mode) {
    char prefix[PATH_MAX];
    size_t length = strlen(path);
    struct stat status;

    if (length == 0)
        return -ENOENT;
    if (length >= sizeof prefix)
        return -ENAMETOOLONG;
    memcpy(prefix, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        prefix[i] = '\0';
        if (mkdir(prefix, mode) < 0 && errno != EEXIST)
            return -errno;
        prefix[i] = path[i];
    }
    if (stat(path, &status) < 0)
        return -errno;
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int file_open_directory_at(int dir_fd, const char *path) {
    int fd = TEMP_FAILURE_RETRY(openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));

    return fd < 0 ? -errno : fd;
}

int file_lock(int fd) {
    for (unsigned i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK || i == LOCK_TRIES)
            return -errno;
        (void)usleep(LOCK_PAUSE);
    }
    return 0;
}
