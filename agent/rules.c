// SPDX-License-Identifier: LGPL-2.1-or-later
// Each table is written with designated initialisers on both axes, so that a new status or request cannot shift a row;
// a test dumps them all and compares with a golden file.
#include "agent/rules.h"

#define BIT(status) (1u << STATUS_##status)

static const char *const request_names[_REQUEST_LAST + 1] = {
    [REQUEST_SUBMIT] = "submit",
    [REQUEST_ADD_TASKS] = "addTasks",
    [REQUEST_CANCEL] = "cancel",
    [REQUEST_REQUEUE] = "requeue",
};

static const unsigned job_requests[_REQUEST_LAST + 1] = {
    [REQUEST_SUBMIT] = BIT(NOT_SUBMITTED),
    [REQUEST_ADD_TASKS] = BIT(NOT_SUBMITTED) | BIT(QUEUED) | BIT(RUNNING),
    [REQUEST_CANCEL] = BIT(NOT_SUBMITTED) | BIT(QUEUED) | BIT(RUNNING) | BIT(CANCELING),
    [REQUEST_REQUEUE] = BIT(RUNNING) | BIT(FAILED) | BIT(CANCELED),
};

static const unsigned task_requests[_REQUEST_LAST + 1] = {
    [REQUEST_CANCEL] = BIT(NOT_SUBMITTED) | BIT(QUEUED) | BIT(RUNNING) | BIT(CANCELING),
    [REQUEST_REQUEUE] = BIT(RUNNING) | BIT(FAILED) | BIT(CANCELED),
};

static const unsigned job_requests_for_task[_REQUEST_LAST + 1] = {
    [REQUEST_CANCEL] = BIT(NOT_SUBMITTED) | BIT(QUEUED) | BIT(RUNNING) | BIT(CANCELING),
    [REQUEST_REQUEUE] = BIT(QUEUED) | BIT(RUNNING) | BIT(FAILED) | BIT(CANCELED),
};

static const unsigned job_transitions[_STATUS_LAST + 1] = {
    [STATUS_NOT_SUBMITTED] = BIT(QUEUED) | BIT(CANCELED),
    [STATUS_QUEUED] = BIT(RUNNING) | BIT(CANCELED),
    [STATUS_RUNNING] = BIT(QUEUED) | BIT(CANCELING) | BIT(FINISHED) | BIT(FAILED) | BIT(CANCELED),
    [STATUS_CANCELING] = BIT(QUEUED) | BIT(CANCELED),
    [STATUS_FINISHED] = 0,
    [STATUS_FAILED] = BIT(QUEUED),
    [STATUS_CANCELED] = BIT(QUEUED),
};

static const unsigned task_transitions[_STATUS_LAST + 1] = {
    [STATUS_NOT_SUBMITTED] = BIT(QUEUED) | BIT(CANCELED),
    [STATUS_QUEUED] = BIT(RUNNING) | BIT(CANCELED),
    [STATUS_RUNNING] = BIT(QUEUED) | BIT(CANCELING) | BIT(FINISHED) | BIT(FAILED) | BIT(CANCELED),
    [STATUS_CANCELING] = BIT(QUEUED) | BIT(FINISHED) | BIT(FAILED) | BIT(CANCELED),
    [STATUS_FINISHED] = 0,
    [STATUS_FAILED] = BIT(QUEUED),
    [STATUS_CANCELED] = BIT(QUEUED),
};

const char *request_name(Request request) {
    return request_names[request];
}

bool job_accepts(Status status, Request request) {
    return job_requests[request] & 1u << status;
}

bool task_accepts(Status status, Request request) {
    return task_requests[request] & 1u << status;
}

bool job_accepts_for_task(Status job_status, Request request) {
    return job_requests_for_task[request] & 1u << job_status;
}

bool job_may_become(Status from, Status to) {
    return job_transitions[from] & 1u << to;
}

bool task_may_become(Status from, Status to) {
    return task_transitions[from] & 1u << to;
}
