// SPDX-License-Identifier: LGPL-2.1-or-later
// What became of an attempt: the decision from the reaper's record, what we did to it, and why. Pure.
#pragma once

#include "agent/record.h"

#include <stddef.h>

// How much is known of the end.
typedef enum EndKind {
    END_RECORDED,       // the reaper's record is there
    END_NEVER_LAUNCHED, // no reaper ever owned it, and none can any more
    END_LOST,           // its reaper died without a record
    END_HOST_RESTARTED, // it ran before the machine went down
    END_SYSTEM_ERROR,   // the agent could not launch it
    _END_LAST = END_SYSTEM_ERROR
} EndKind;

typedef struct EndFacts {
    EndKind kind;
    const LaunchRecord *record; // for END_RECORDED
    const char *system_error;   // for END_SYSTEM_ERROR
    Intent job_intent;          // what is being done to the job, INTENT_NONE if nothing
    Intent task_intent;         // and to the task alone; goes before the job's
    uint64_t intent_boottime;   // when the first intent was recorded; an end before it was the task's own
    uint64_t oom_kills;         // RECORD_UNKNOWN when not known
    bool may_retry;             // the task may run again after an error of the system
} EndFacts;

#define VERDICT_TEXT_MAX 256

typedef struct Verdict {
    Status attempt_status;
    Status task_status; // STATUS_QUEUED: the task runs again
    Cause cause;
    int32_t exit_code;           // -1 unknown
    int32_t signal;              // 0 none
    char text[VERDICT_TEXT_MAX]; // error message, empty when there is nothing to say
} Verdict;

void verdict_decide(const EndFacts *facts, Verdict *ret);

// The status of a job whose tasks are all over, from how many of them failed.
Status verdict_job(uint64_t tasks_failed);
