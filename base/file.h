// SPDX-License-Identifier: LGPL-2.1-or-later
// Small files, relative to a directory fd. All return 0 (or a length) or a negative errno; EINTR is retried.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Reads a small file whole into buffer and terminates it with NUL. Returns the length, or -E2BIG when it does not fit.
// After a failure the content of buffer is unspecified.
ssize_t file_read_at(int dir_fd, const char *name, char *buffer, size_t size);

// The same with the trailing newline cut off.
ssize_t file_read_line_at(int dir_fd, const char *name, char *buffer, size_t size);

// Writes text to an existing file with one write(2), as the kernel's attribute files want it. Short writes are -EIO.
int file_write_at(int dir_fd, const char *name, const char *text);

// Writes all bytes to fd, retrying short writes.
int file_write_all(int fd, const void *data, size_t size);

// Creates a directory and its missing parents, mode (less the umask) applying to those made. An existing
// directory is no error.
int file_make_directories(const char *path, mode_t mode);

// Opens a directory, O_PATH not set, O_CLOEXEC set; the last component may not be a symbolic link.
int file_open_directory_at(int dir_fd, const char *path);

// Locks a file or directory for this open of it alone. Who holds the lock may be about to end (a process that was
// killed leaves it to a child until that executes its program): waits for that, two seconds at most. Then -EWOULDBLOCK.
int file_lock(int fd);
