// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK_SIZE (64 * 1024) // what a pipe holds

static size_t minimum(uint64_t a, uint64_t b) {
    return (size_t)(a < b ? a : b);
}

int output_open(Output *output, uid_t uid, gid_t gid, int *ret_write_fd) {
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    AUTO_CLOSE int read_fd = fds[0], write_fd = fds[1];
    if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    if (uid != geteuid() && fchown(write_fd, uid, gid) < 0)
        return -errno;
    output->pipe_fd = TAKE_FD(read_fd);
    *ret_write_fd = TAKE_FD(write_fd);
    return 0;
}

static int open_file(Output *output) {
    char name[ATTEMPT_NAME_MAX];
    int fd = attempt_file_create(output->directory_fd, attempt_file_name(name, output->key, output->suffix),
                                 O_WRONLY | O_APPEND);
    if (fd < 0)
        return fd;
    output->file_fd = fd;
    return 0;
}

// Returns how many of size bytes were written.
static size_t keep(Output *output, const char *data, size_t size) {
    size_t written = 0;

    if (size == 0 || (output->file_fd < 0 && open_file(output) < 0))
        return 0;
    while (written < size) {
        ssize_t n = write(output->file_fd, data + written, size - written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        written += (size_t)n;
    }
    return written;
}

size_t output_copy(Output *output, size_t max) {
    static char chunk[CHUNK_SIZE];
    ssize_t n;

    do
        n = read(output->pipe_fd, chunk, minimum(max, sizeof(chunk)));
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0) {
        output->pipe_fd = close_fd(output->pipe_fd);
        return 0;
    }
    size_t kept = keep(output, chunk, minimum((size_t)n, output->max - output->kept));
    output->kept += kept;
    output->dropped += (size_t)n - kept;
    return (size_t)n;
}

void output_drain(Output *output) {
    int waiting;

    if (output->pipe_fd < 0 || ioctl(output->pipe_fd, FIONREAD, &waiting) < 0)
        return;
    for (size_t left = (size_t)waiting; left > 0;) {
        size_t n = output_copy(output, left);
        if (n == 0)
            return;
        left -= n;
    }
}

void output_flush(const Output *output) {
    if (output->file_fd >= 0)
        (void)fdatasync(output->file_fd);
}

void output_deinit(Output *output) {
    output->pipe_fd = close_fd(output->pipe_fd);
    output->file_fd = close_fd(output->file_fd);
}
