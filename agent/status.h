// SPDX-License-Identifier: LGPL-2.1-or-later
// The words for what a job, a task or an attempt is and why: the enums Status, Cause and Priority of io.corral.Jobs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum Status {
    STATUS_NOT_SUBMITTED,
    STATUS_QUEUED,
    STATUS_RUNNING,
    STATUS_CANCELING,
    STATUS_FINISHED,
    STATUS_FAILED,
    STATUS_CANCELED,
    _STATUS_LAST = STATUS_CANCELED
} Status;

typedef enum Cause {
    CAUSE_NONE, // null on the wire
    CAUSE_EXITED,
    CAUSE_SIGNALED,
    CAUSE_OUT_OF_MEMORY,
    CAUSE_LAUNCH_FAILED,
    CAUSE_JOB_CANCELED,
    CAUSE_TASK_CANCELED,
    CAUSE_REQUEUED,
    CAUSE_JOB_RUN_TIME,
    CAUSE_TASK_RUN_TIME,
    CAUSE_TASK_FAILED,
    CAUSE_LOST,
    CAUSE_HOST_RESTARTED,
    CAUSE_SYSTEM_ERROR,
    _CAUSE_LAST = CAUSE_SYSTEM_ERROR
} Cause;

typedef enum Priority {
    PRIORITY_LOWEST,
    PRIORITY_BELOW_NORMAL,
    PRIORITY_NORMAL,
    PRIORITY_ABOVE_NORMAL,
    PRIORITY_HIGHEST,
    _PRIORITY_LAST = PRIORITY_HIGHEST
} Priority;

// The word on the wire; NULL for CAUSE_NONE.
const char *status_name(Status status);
const char *cause_name(Cause cause);
const char *priority_name(Priority priority);

// From the word on the wire (checked against the interface before). -EINVAL for an unknown one.
int status_from_name(const char *name, Status *ret);
int priority_from_name(const char *name, Priority *ret);

// finished, failed and canceled: nothing but a requeue changes it.
static inline bool status_is_terminal(Status status) {
    return status == STATUS_FINISHED || status == STATUS_FAILED || status == STATUS_CANCELED;
}

// As a mask of 1 << Status: those that are not terminal.
#define STATUSES_LIVE (1u << STATUS_NOT_SUBMITTED | 1u << STATUS_QUEUED | 1u << STATUS_RUNNING | 1u << STATUS_CANCELING)
