// SPDX-License-Identifier: LGPL-2.1-or-later
// The rules of the life cycles, as tables: which request is allowed in which status, and which status may follow which.
// Requirements: tables 1.3 and 1.4 of the job scheduler interface, with the decisions of
// docs/decisions/0003-life-cycle.md.
#pragma once

#include "agent/status.h"

#include <stdbool.h>

typedef enum Request {
    REQUEST_SUBMIT,
    REQUEST_ADD_TASKS,
    REQUEST_CANCEL,
    REQUEST_REQUEUE,
    _REQUEST_LAST = REQUEST_REQUEUE
} Request;

const char *request_name(Request request);

// Whether a job in the status accepts the request. A cancel of a canceling job joins.
bool job_accepts(Status status, Request request);

// Whether a task in the status accepts the request (submit and addTasks are of jobs alone: never).
bool task_accepts(Status status, Request request);

// Whether single tasks of a job in the status may be the object of the request.
bool job_accepts_for_task(Status job_status, Request request);

// Whether a job, or a task, may go from one status to another. Staying is no transition.
bool job_may_become(Status from, Status to);
bool task_may_become(Status from, Status to);
