// SPDX-License-Identifier: LGPL-2.1-or-later
// Which job, and which task, starts next: by priority, then by order of submission (requeued jobs first in their
// class), within the processor slots. A queued job that does not fit lets no one behind it pass.
#pragma once

#include "agent/jobs.h"

// Places a job that is queued or running and has queued tasks. By its queue order among its priority.
void queue_insert(Jobs *jobs, Job *job);
void queue_remove(Jobs *jobs, Job *job);

// The order numbers for a job that goes last, or first, in its class.
int64_t queue_order_last(Jobs *jobs);
int64_t queue_order_first(Jobs *jobs);

// Whether queue_run() would find anything that waits and a slot for it: cheap, to be asked before dearer questions.
bool queue_may_start(const Jobs *jobs);

// Starts what can be started now: jobs, then their tasks (attempt_start()).
void queue_run(Jobs *jobs);

// The slots a job may use at once.
uint32_t queue_slots_max(const Job *job);

// After a restart: places a job read from the store and reserves the slots that it had.
void queue_restore(Jobs *jobs, Job *job);

// Reserves exactly as many slots as the job now needs: its attempts, and while it has queued tasks at least minSlots.
void queue_settle_slots(Job *job);
