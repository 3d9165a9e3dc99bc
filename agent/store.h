// SPDX-License-Identifier: LGPL-2.1-or-later
// The durable records, in one SQLite database (WAL, synchronous=FULL). One writer: the event loop. The first change
// opens a transaction; all changes of one turn are one commit. Reads see the changes of the open transaction.
//
// Functions return 0 or a negative errno; -ENOSPC and -EIO mean that nothing can be written now: roll back, and load
// again what was in memory. Statements are in a table and all prepared at open.
#pragma once

#include "agent/record.h"
#include "base/cleanup.h"
#include "ipc/json.h"

#include <stddef.h>

typedef struct Store Store;

// Opens or makes "corral.db" in the directory at path (made by the caller, mode 0700) and migrates older versions. A
// database of a newer version or a damaged one is refused with a log line that says what to do.
int store_open(const char *directory, Store **ret);
Store *store_free(Store *store); // rolls back what is not committed
DEFINE_CLEANUP(Store, store_free)

bool store_is_dirty(const Store *store); // whether there is something to commit
int store_commit(Store *store);
void store_rollback(Store *store);

// ---- writing ----

// Adds a job. id is given by the store and never used again. spec: the JobSpec as it came, without its tasks.
int store_add_job(Store *store, const JobRecord *job, const json_t *spec, uint64_t *ret_id);
// Writes all that can change.
int store_update_job(Store *store, const JobRecord *job);
int store_add_task(Store *store, const TaskRecord *task, const json_t *spec);
int store_update_task(Store *store, const TaskRecord *task);
// Status of all tasks of a job that have status from: for jobs of many tasks. The cause is set too.
int store_update_tasks(Store *store, uint64_t job, Status from, Status to, Cause cause, uint64_t end_time);
int store_add_attempt(Store *store, const AttemptRecord *attempt);
int store_update_attempt(Store *store, const AttemptRecord *attempt);
int store_add_history(Store *store, const HistoryRecord *entry, uint64_t *ret_sequence);
int store_set_parameter(Store *store, const char *name, const char *value);
// Removes a job with all that belongs to it.
int store_remove_job(Store *store, uint64_t job);

// ---- reading ----
//
// Walks call visit for each row; a return other than 0 ends the walk and is returned. The record is lent for the call;
// what visit wants to keep it takes (and sets to NULL).

typedef int (*StoreJobVisitor)(JobRecord *job, void *userdata);
typedef int (*StoreTaskVisitor)(TaskRecord *task, void *userdata);
typedef int (*StoreAttemptVisitor)(AttemptRecord *attempt, void *userdata);
typedef int (*StoreHistoryVisitor)(const HistoryRecord *entry, void *userdata);

//
// A visitor may read other things, and write, but not begin the walk that it is called from once more.

typedef struct StoreFilter {
    uint64_t job;       // exactly this one; 0: any (tasks: must be set)
    uint64_t after_job; // jobs with ids behind this
    uint32_t after_task;
    uint32_t statuses; // mask of 1 << Status; 0: any
    int64_t owner_uid; // of jobs; -1: any
    uint32_t limit;    // 0: none
} StoreFilter;

int store_walk_jobs(Store *store, const StoreFilter *filter, StoreJobVisitor visit, void *userdata);
int store_walk_tasks(Store *store, const StoreFilter *filter, StoreTaskVisitor visit, void *userdata);
// Attempts of a job (task 0: of all tasks), oldest first.
int store_walk_attempts(Store *store, uint64_t job, uint32_t task, StoreAttemptVisitor visit, void *userdata);
// Attempts that have status running, of all jobs.
int store_walk_running_attempts(Store *store, StoreAttemptVisitor visit, void *userdata);
// Entries behind sequence after, oldest first, at most limit (0: none) ; job 0: of all.
int store_walk_history(Store *store, uint64_t job, uint64_t after, uint32_t limit, StoreHistoryVisitor visit,
                       void *userdata);

// One row; -ENOENT when there is none. ret is initialised by the call and deinitialised by the caller.
int store_get_job(Store *store, uint64_t id, JobRecord *ret);
int store_get_task(Store *store, uint64_t job, uint32_t task, TaskRecord *ret);
int store_get_attempt(Store *store, uint64_t job, uint32_t task, uint32_t attempt, AttemptRecord *ret);

// The specifications as they came; -ENOENT.
int store_get_job_spec(Store *store, uint64_t job, json_t **ret);
int store_get_task_spec(Store *store, uint64_t job, uint32_t task, json_t **ret);

// How many tasks of a job (0: of all jobs) have each status; how many jobs have each status. Indexed by Status.
int store_count_tasks(Store *store, uint64_t job, uint64_t ret_counts[static _STATUS_LAST + 1]);
int store_count_jobs(Store *store, uint64_t ret_counts[static _STATUS_LAST + 1]);

// Sum of the CPU time of all attempts of a job.
int store_job_cpu_time(Store *store, uint64_t job, uint64_t *ret_usec);

// The sequence number of the newest entry (0: none yet), and of the oldest after which no entry has been removed.
int store_history_bounds(Store *store, uint64_t *ret_newest, uint64_t *ret_complete_after);

// The terminal job whose end time is the smallest; -ENOENT when there is none.
int store_oldest_ended_job(Store *store, uint64_t *ret_id, uint64_t *ret_end_time);

// Smallest and largest queue_order of the jobs on record, 0 and 0 when there is none.
int store_queue_bounds(Store *store, int64_t *ret_first, int64_t *ret_last);

// The value that was set; -ENOENT when none was. The caller frees.
int store_get_parameter(Store *store, const char *name, char **ret_value);
