// SPDX-License-Identifier: LGPL-2.1-or-later
// Cancel and requeue: what is asked for, made into records and stops. The decisions of cancelling are here, the
// mechanism of stopping is in agent/stop.h.
#pragma once

#include "agent/jobs.h"
#include "agent/stop.h"

typedef struct CancelOptions {
    const char *actor;
    const char *message; // checked; may be NULL
    uint64_t grace;      // RECORD_UNKNOWN: the job's, or the parameter's
    bool force;
} CancelOptions;

// Cancels a live job whose status accepts it (agent/rules.h), or joins the cancel that is going on. The stop returned
// takes waiters, never NULL; it is owned by the job.
int cancel_job(Job *job, const CancelOptions *options, Stop **ret);

// The same for one task. The stop may be one of the whole job.
int cancel_task(Task *task, const CancelOptions *options, Stop **ret);

// The run-time limits are exceeded.
void cancel_job_run_time(Job *job);
void cancel_task_run_time(Attempt *attempt);

// The stop of the whole job is over: nothing of it runs. Called once, by agent/stop.c.
void cancel_job_stopped(Job *job);

// Completes what an earlier agent began: starts the stop that the intent in the records asks for.
int cancel_resume(Job *job);

// Queues a live job again (its status accepts it). A running one is stopped first; ret is the stop then, else NULL.
int requeue_job(Job *job, const char *actor, Stop **ret);

// Queues one task again; its job, if it is over, with it.
int requeue_task(Task *task, const char *actor, Stop **ret);

// Whether a requeue of the whole job would run the task again.
bool requeue_would_run(const Task *task);
