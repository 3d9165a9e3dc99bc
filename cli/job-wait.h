// SPDX-License-Identifier: LGPL-2.1-or-later
// What a Watch of some jobs has told so far: their statuses and those of their tasks. Survives restarts of the agent.
#pragma once

#include "cli/status.h"
#include "cli/stream.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct WaitedJob {
    int64_t id;
    bool known;
    Status status;
    StatusCounts tasks;
} WaitedJob;

typedef struct JobWait {
    Stream stream;
    int64_t cursor; // -1: none yet
    WaitedJob *jobs;
    size_t n_jobs;
} JobWait;

// Begins to watch. socket_path is borrowed. Negative errno, told.
int job_wait_init(JobWait *wait, const char *socket_path, const int64_t *ids, size_t n);
void job_wait_deinit(JobWait *wait);
#define AUTO_JOB_WAIT CLEANUP(job_wait_deinit)

// Receives one reply and takes it in, see stream_receive(). ret holds it for more questions. Error replies are told and
// are -EREMOTEIO.
int job_wait_receive(JobWait *wait, IpcReply *ret);

// Takes in the parameters of one reply: what job_wait_receive() does, without the connection.
void job_wait_take(JobWait *wait, const json_t *reply);

// Whether a reply tells that a task has started, and the number of the attempt. Tells some starts twice.
bool job_wait_started(const json_t *reply, int64_t task, int64_t *ret_attempt);

bool job_wait_is_over(const JobWait *wait);

// Tasks of all jobs together.
StatusCounts job_wait_counts(const JobWait *wait);

// Asks the agent how a job that is over ended. Returns the exit status for it, see corral(1), and tells the reason when
// that is not the task's own.
int job_exit_status(const char *socket_path, const WaitedJob *job);

// The exit status that a task stands for: its own, 128 + the signal that killed it, 1 when it has none.
int task_exit_status(const json_t *task);
