// SPDX-License-Identifier: LGPL-2.1-or-later
// The kept output of one task, passed on as it comes. Survives restarts of the agent.
#pragma once

#include "cli/stream.h"

#include <stdbool.h>

typedef struct TaskOutput {
    Stream stream;
    int64_t job, task;
    int64_t attempt;  // 0: the newest
    const char *name; // "stdout" or "stderr"
    bool follow;      // until the attempt has ended
    bool escaped;     // control characters may not pass, but for newlines and tabs
    bool json;        // replies are printed as they are
    int fd;           // where it goes; borrowed
    int64_t offset;   // what we have had of it
    Buffer partial;   // the beginning of a character whose rest has not come, when escaped
} TaskOutput;

void task_output_deinit(TaskOutput *output);
#define AUTO_TASK_OUTPUT CLEANUP(task_output_deinit)

// Begins with an attempt (0: the newest), from its first byte. The members from job to fd, and the stream's
// socket_path, are set. Negative errno, told.
int task_output_start(TaskOutput *output, int64_t attempt);

// Whether it has begun and not yet ended.
static inline bool task_output_is_active(const TaskOutput *output) {
    return stream_is_open(&output->stream);
}

// Receives one reply and passes it on: see stream_receive(). After the last one it is no longer active. Error replies
// end it and are left in ret: -EREMOTEIO, not told. -EPIPE when nobody reads what we write, not told.
int task_output_receive(TaskOutput *output, IpcReply *ret);
