// SPDX-License-Identifier: LGPL-2.1-or-later
// What the agent knows of a job, a task, an attempt and a transition, as plain data: the rows of the store, and the
// part of the live objects that the store keeps. Times and durations are microseconds; 0 is "not yet" for times.
#pragma once

#include "agent/launcher/protocol.h"
#include "agent/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RECORD_UNKNOWN UINT64_MAX // a number that is null on the wire
#define RECORD_INFINITE 0         // a limit that was not set

// What is being done to a running job or task: durable before any effect, so that a new agent completes it.
typedef enum Intent {
    INTENT_NONE,
    INTENT_CANCEL,   // asked for by a client
    INTENT_REQUEUE,  // stop what runs, then queue again
    INTENT_RUN_TIME, // the run-time limit was exceeded
    _INTENT_LAST = INTENT_RUN_TIME
} Intent;

typedef struct JobRecord {
    uint64_t id;
    char *name;
    Status status;
    Cause cause;
    uid_t owner_uid; // who added it
    char *owner;
    uid_t user_uid; // who its tasks run as
    char *user;
    Priority priority;
    uint32_t min_slots;
    uint32_t max_slots; // 0: as many as it has tasks
    uint64_t run_time_limit;
    uint64_t grace_period; // RECORD_UNKNOWN: the parameter's
    int64_t queue_order;   // among jobs of one priority the smaller goes first
    uint32_t runs;
    uint32_t tasks; // how many it has; also the id of the newest
    char *error_message;
    char *cancel_message;
    char *canceled_by;
    uint64_t cancel_time;
    Intent intent;
    uint64_t intent_grace; // grace period of the intent
    uint64_t intent_time;  // CLOCK_BOOTTIME; an end before it was the task's own
    uint64_t create_time, submit_time, start_time, end_time;
} JobRecord;

typedef struct TaskRecord {
    uint64_t job;
    uint32_t id;
    char *name;
    Status status;
    Cause cause;
    int32_t exit_code; // -1 unknown
    int32_t signal;    // 0 none
    uint32_t attempt;  // of the newest attempt, 0 before the first
    bool rerunnable;
    uint64_t run_time_limit;
    char *error_message;
    char *cancel_message;
    char *canceled_by;
    Intent intent;
    uint64_t intent_grace;
    uint64_t intent_time; // CLOCK_BOOTTIME; an end before it was the task's own
    uint64_t create_time, start_time, end_time;
} TaskRecord;

typedef struct AttemptRecord {
    AttemptKey key;
    Status status;
    Cause cause;
    bool exited; // wait_status is meaningful
    int32_t wait_status;
    char *error_message;
    uint64_t start_time, end_time;
    char boot_id[BOOT_ID_TEXT];
    uint64_t cgroup_id;
    uint64_t user_time, system_time, memory_peak, max_resident, process_peak, processes_killed; // RECORD_UNKNOWN
    uint64_t stdout_kept, stdout_dropped, stderr_kept, stderr_dropped;                          // RECORD_UNKNOWN
    char *evidence; // JSON text: an array of Process; NULL when there is none
} AttemptRecord;

typedef struct HistoryRecord {
    uint64_t sequence; // set by the store
    uint64_t time;
    uint64_t job;
    uint32_t task, run, attempt; // 0: null
    int from;                    // Status, -1: null
    Status to;
    const char *cause;   // borrowed
    const char *actor;   // borrowed
    const char *message; // borrowed, may be NULL
} HistoryRecord;

// Release what the records own and leave them zeroed.
void job_record_deinit(JobRecord *record);
void task_record_deinit(TaskRecord *record);
void attempt_record_deinit(AttemptRecord *record);
