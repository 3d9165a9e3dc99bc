// SPDX-License-Identifier: LGPL-2.1-or-later
// One output stream of a task: what comes through a pipe is kept in a file, up to a number of bytes.
#pragma once

#include "agent/launcher/protocol.h"

#include <stddef.h>

typedef struct Output {
    int pipe_fd;           // -1: not kept, or at its end
    int file_fd;           // -1: nothing has come yet
    int directory_fd;      // borrowed
    const AttemptKey *key; // borrowed
    const char *suffix;
    uint64_t max;
    uint64_t kept, dropped;
} Output;

#define OUTPUT_NULL ((Output){ .pipe_fd = -1, .file_fd = -1 })

// Makes the pipe and returns its writing end, which belongs to the user so that /dev/stdout can be opened by its name.
int output_open(Output *output, uid_t uid, gid_t gid, int *ret_write_fd);

// Reads once, at most max bytes, without waiting, and keeps what may be kept. What cannot be written is dropped and
// counted: the task is never held up. Returns the bytes read, 0 when there is nothing more to come or nothing now.
size_t output_copy(Output *output, size_t max);

// Copies what is in the pipe at this moment. Does not wait for its end: a daemon may hold it open for ever.
void output_drain(Output *output);

// Waits until what is kept is on the disk, so that a record that counts it is true after a power cut, too.
void output_flush(const Output *output);

void output_deinit(Output *output);
