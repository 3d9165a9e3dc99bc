// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/store-internal.h"

#include <errno.h>
#include <string.h>

#define LIVE (1u << STATUS_NOT_SUBMITTED | 1u << STATUS_QUEUED | 1u << STATUS_RUNNING | 1u << STATUS_CANCELING)

// Takes a text column into *field unless an earlier one failed.
static void take_text(sqlite3_stmt *row, int column, char **field, int *r) {
    if (*r >= 0)
        *r = store_column_text(row, column, field);
}

static uint32_t column_u32(sqlite3_stmt *row, int column) {
    return (uint32_t)sqlite3_column_int64(row, column);
}

// ---- rows into records ----
//
// The columns are in the order of agent/store-statements.c. What the checks of the tables do not allow is damage.

static int read_job(sqlite3_stmt *row, JobRecord *ret) {
    JobRecord job = { .id = store_column_number(row, 0),
                      .status = (Status)sqlite3_column_int(row, 2),
                      .cause = (Cause)sqlite3_column_int(row, 3),
                      .owner_uid = column_u32(row, 4),
                      .user_uid = column_u32(row, 6),
                      .priority = (Priority)sqlite3_column_int(row, 8),
                      .min_slots = column_u32(row, 9),
                      .max_slots = column_u32(row, 10),
                      .run_time_limit = store_column_number(row, 11),
                      .grace_period = store_column_number(row, 12),
                      .queue_order = sqlite3_column_int64(row, 13),
                      .runs = column_u32(row, 14),
                      .tasks = column_u32(row, 15),
                      .cancel_time = store_column_number(row, 19),
                      .intent = (Intent)sqlite3_column_int(row, 20),
                      .intent_grace = store_column_number(row, 21),
                      .intent_time = store_column_number(row, 22),
                      .create_time = store_column_number(row, 23),
                      .submit_time = store_column_number(row, 24),
                      .start_time = store_column_number(row, 25),
                      .end_time = store_column_number(row, 26) };
    int r = 0;

    take_text(row, 1, &job.name, &r);
    take_text(row, 5, &job.owner, &r);
    take_text(row, 7, &job.user, &r);
    take_text(row, 16, &job.error_message, &r);
    take_text(row, 17, &job.cancel_message, &r);
    take_text(row, 18, &job.canceled_by, &r);
    if (job.status > _STATUS_LAST || job.cause > _CAUSE_LAST || job.priority > _PRIORITY_LAST ||
        job.intent > _INTENT_LAST)
        r = -EBADMSG;
    if (r < 0) {
        job_record_deinit(&job);
        return r;
    }
    *ret = job;
    return 0;
}

static int read_task(sqlite3_stmt *row, TaskRecord *ret) {
    TaskRecord task = { .job = store_column_number(row, 0),
                        .id = column_u32(row, 1),
                        .status = (Status)sqlite3_column_int(row, 3),
                        .cause = (Cause)sqlite3_column_int(row, 4),
                        .exit_code = sqlite3_column_int(row, 5),
                        .signal = sqlite3_column_int(row, 6),
                        .attempt = column_u32(row, 7),
                        .rerunnable = sqlite3_column_int(row, 8) != 0,
                        .run_time_limit = store_column_number(row, 9),
                        .intent = (Intent)sqlite3_column_int(row, 13),
                        .intent_grace = store_column_number(row, 14),
                        .intent_time = store_column_number(row, 15),
                        .create_time = store_column_number(row, 16),
                        .start_time = store_column_number(row, 17),
                        .end_time = store_column_number(row, 18) };
    int r = 0;

    take_text(row, 2, &task.name, &r);
    take_text(row, 10, &task.error_message, &r);
    take_text(row, 11, &task.cancel_message, &r);
    take_text(row, 12, &task.canceled_by, &r);
    if (task.status > _STATUS_LAST || task.cause > _CAUSE_LAST || task.intent > _INTENT_LAST)
        r = -EBADMSG;
    if (r < 0) {
        task_record_deinit(&task);
        return r;
    }
    *ret = task;
    return 0;
}

static int read_attempt(sqlite3_stmt *row, AttemptRecord *ret) {
    AttemptRecord attempt = { .key = { .job = store_column_number(row, 0),
                                       .task = column_u32(row, 1),
                                       .attempt = column_u32(row, 2),
                                       .run = column_u32(row, 3) },
                              .status = (Status)sqlite3_column_int(row, 4),
                              .cause = (Cause)sqlite3_column_int(row, 5),
                              .exited = sqlite3_column_int(row, 6) != 0,
                              .wait_status = sqlite3_column_int(row, 7),
                              .start_time = store_column_number(row, 9),
                              .end_time = store_column_number(row, 10),
                              .cgroup_id = store_column_number(row, 12),
                              .user_time = store_column_number(row, 13),
                              .system_time = store_column_number(row, 14),
                              .memory_peak = store_column_number(row, 15),
                              .max_resident = store_column_number(row, 16),
                              .process_peak = store_column_number(row, 17),
                              .processes_killed = store_column_number(row, 18),
                              .stdout_kept = store_column_number(row, 19),
                              .stdout_dropped = store_column_number(row, 20),
                              .stderr_kept = store_column_number(row, 21),
                              .stderr_dropped = store_column_number(row, 22) };
    const char *boot_id = (const char *)sqlite3_column_text(row, 11);
    int r = boot_id ? 0 : -ENOMEM;

    if (boot_id)
        strncpy(attempt.boot_id, boot_id, sizeof attempt.boot_id - 1);
    take_text(row, 8, &attempt.error_message, &r);
    take_text(row, 23, &attempt.evidence, &r);
    if (attempt.status > _STATUS_LAST || attempt.cause > _CAUSE_LAST)
        r = -EBADMSG;
    if (r < 0) {
        attempt_record_deinit(&attempt);
        return r;
    }
    *ret = attempt;
    return 0;
}

// The strings are borrowed from the row.
static int read_history(sqlite3_stmt *row, HistoryRecord *ret) {
    *ret = (HistoryRecord){ .sequence = store_column_number(row, 0),
                            .time = store_column_number(row, 1),
                            .job = store_column_number(row, 2),
                            .task = column_u32(row, 3),
                            .run = column_u32(row, 4),
                            .attempt = column_u32(row, 5),
                            .from = sqlite3_column_int(row, 6),
                            .to = (Status)sqlite3_column_int(row, 7),
                            .cause = (const char *)sqlite3_column_text(row, 8),
                            .actor = (const char *)sqlite3_column_text(row, 9),
                            .message = (const char *)sqlite3_column_text(row, 10) };
    if (ret->from < -1 || ret->from > (int)_STATUS_LAST || ret->to > _STATUS_LAST)
        return -EBADMSG;
    return ret->cause && ret->actor ? 0 : -ENOMEM;
}

// ---- walks ----

static bool has_status(uint32_t statuses, sqlite3_stmt *row, int column) {
    return statuses == 0 || (statuses >> (sqlite3_column_int(row, column) & 31) & 1) != 0;
}

static sqlite3_stmt *job_walk(Store *store, const StoreFilter *filter) {
    bool live = filter->statuses != 0 && (filter->statuses & ~LIVE) == 0;
    sqlite3_stmt *statement;

    if (live) {
        statement = store_statement(store, STATEMENT_WALK_LIVE_JOBS);
    } else if (filter->owner_uid >= 0) {
        statement = store_statement(store, STATEMENT_WALK_JOBS_OF_OWNER);
        store_bind_signed(statement, 2, filter->owner_uid);
    } else {
        statement = store_statement(store, STATEMENT_WALK_JOBS);
    }
    store_bind_number(statement, 1, filter->after_job);
    return statement;
}

static bool job_is_chosen(const StoreFilter *filter, sqlite3_stmt *row) {
    return has_status(filter->statuses, row, 2) && (uint64_t)sqlite3_column_int64(row, 0) > filter->after_job &&
           (filter->owner_uid < 0 || sqlite3_column_int64(row, 4) == filter->owner_uid);
}

// The statement is free again before the visit, which may get a job, too.
static int visit_one_job(Store *store, const StoreFilter *filter, StoreJobVisitor visit, void *userdata) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_GET_JOB);
    JobRecord job;

    store_bind_number(row, 1, filter->job);
    int r = store_step(store, row);
    bool chosen = r > 0 && job_is_chosen(filter, row);
    if (chosen)
        r = read_job(row, &job);
    (void)sqlite3_reset(row);
    if (!chosen || r < 0)
        return r < 0 ? r : 0;
    r = visit(&job, userdata);
    job_record_deinit(&job);
    return r;
}

int store_walk_jobs(Store *store, const StoreFilter *filter, StoreJobVisitor visit, void *userdata) {
    uint32_t n = 0;
    JobRecord job;
    int r;

    if (filter->job != 0)
        return visit_one_job(store, filter, visit, userdata);
    sqlite3_stmt *row = job_walk(store, filter);
    while ((r = store_step(store, row)) > 0) {
        if (!job_is_chosen(filter, row))
            continue;
        r = read_job(row, &job);
        if (r >= 0) {
            r = visit(&job, userdata);
            job_record_deinit(&job);
        }
        if (r != 0 || ++n == filter->limit)
            break;
    }
    (void)sqlite3_reset(row);
    return r;
}

int store_walk_tasks(Store *store, const StoreFilter *filter, StoreTaskVisitor visit, void *userdata) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_WALK_TASKS);
    uint32_t n = 0;
    TaskRecord task;
    int r;

    store_bind_number(row, 1, filter->job);
    store_bind_number(row, 2, filter->after_task);
    while ((r = store_step(store, row)) > 0) {
        if (!has_status(filter->statuses, row, 3))
            continue;
        r = read_task(row, &task);
        if (r >= 0) {
            r = visit(&task, userdata);
            task_record_deinit(&task);
        }
        if (r != 0 || ++n == filter->limit)
            break;
    }
    (void)sqlite3_reset(row);
    return r;
}

static int walk_attempts(Store *store, sqlite3_stmt *row, StoreAttemptVisitor visit, void *userdata) {
    AttemptRecord attempt;
    int r;

    while ((r = store_step(store, row)) > 0) {
        r = read_attempt(row, &attempt);
        if (r >= 0) {
            r = visit(&attempt, userdata);
            attempt_record_deinit(&attempt);
        }
        if (r != 0)
            break;
    }
    (void)sqlite3_reset(row);
    return r;
}

int store_walk_attempts(Store *store, uint64_t job, uint32_t task, StoreAttemptVisitor visit, void *userdata) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_WALK_ATTEMPTS);

    store_bind_number(row, 1, job);
    store_bind_number(row, 2, task);
    return walk_attempts(store, row, visit, userdata);
}

int store_walk_running_attempts(Store *store, StoreAttemptVisitor visit, void *userdata) {
    return walk_attempts(store, store_statement(store, STATEMENT_WALK_RUNNING_ATTEMPTS), visit, userdata);
}

int store_walk_history(Store *store, uint64_t job, uint64_t after, uint32_t limit, StoreHistoryVisitor visit,
                       void *userdata) {
    sqlite3_stmt *row = store_statement(store, job != 0 ? STATEMENT_WALK_HISTORY_OF_JOB : STATEMENT_WALK_HISTORY);
    HistoryRecord entry;
    uint32_t n = 0;
    int r;

    store_bind_number(row, 1, after);
    if (job != 0)
        store_bind_number(row, 2, job);
    while ((r = store_step(store, row)) > 0) {
        r = read_history(row, &entry);
        if (r >= 0)
            r = visit(&entry, userdata);
        if (r != 0 || ++n == limit)
            break;
    }
    (void)sqlite3_reset(row);
    return r;
}

// ---- one row ----

// Steps a statement of at most one row. 0 with the row to read; -ENOENT.
static int one_row(Store *store, sqlite3_stmt *statement) {
    int r = store_step(store, statement);
    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int store_get_job(Store *store, uint64_t id, JobRecord *ret) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_GET_JOB);

    store_bind_number(row, 1, id);
    int r = one_row(store, row);
    if (r >= 0)
        r = read_job(row, ret);
    (void)sqlite3_reset(row);
    return r;
}

int store_get_task(Store *store, uint64_t job, uint32_t task, TaskRecord *ret) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_GET_TASK);

    store_bind_number(row, 1, job);
    store_bind_number(row, 2, task);
    int r = one_row(store, row);
    if (r >= 0)
        r = read_task(row, ret);
    (void)sqlite3_reset(row);
    return r;
}

int store_get_attempt(Store *store, uint64_t job, uint32_t task, uint32_t attempt, AttemptRecord *ret) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_GET_ATTEMPT);

    store_bind_number(row, 1, job);
    store_bind_number(row, 2, task);
    store_bind_number(row, 3, attempt);
    int r = one_row(store, row);
    if (r >= 0)
        r = read_attempt(row, ret);
    (void)sqlite3_reset(row);
    return r;
}

static int read_spec(Store *store, sqlite3_stmt *row, json_t **ret) {
    int r = one_row(store, row);
    if (r >= 0) {
        const char *text = (const char *)sqlite3_column_text(row, 0);
        size_t size = (size_t)sqlite3_column_bytes(row, 0);
        r = text ? ipc_json_parse(text, size, ret, NULL, 0) : -ENOMEM;
    }
    (void)sqlite3_reset(row);
    return r;
}

int store_get_job_spec(Store *store, uint64_t job, json_t **ret) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_JOB_SPEC);

    store_bind_number(row, 1, job);
    return read_spec(store, row, ret);
}

int store_get_task_spec(Store *store, uint64_t job, uint32_t task, json_t **ret) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_TASK_SPEC);

    store_bind_number(row, 1, job);
    store_bind_number(row, 2, task);
    return read_spec(store, row, ret);
}

int store_get_parameter(Store *store, const char *name, char **ret_value) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_GET_PARAMETER);

    store_bind_text(row, 1, name);
    int r = one_row(store, row);
    if (r >= 0)
        r = store_column_text(row, 0, ret_value);
    (void)sqlite3_reset(row);
    return r;
}

// ---- sums and bounds ----

int store_count_tasks(Store *store, uint64_t job, uint64_t ret_counts[static _STATUS_LAST + 1]) {
    uint64_t counts[_STATUS_LAST + 1] = { 0 };
    int r;

    if (job == 0) {
        memcpy(ret_counts, store->totals.tasks, sizeof counts);
        return 0;
    }
    sqlite3_stmt *row = store_statement(store, STATEMENT_COUNT_TASKS);
    store_bind_number(row, 1, job);
    while ((r = store_step(store, row)) > 0) {
        uint64_t status = store_column_number(row, 0);
        if (status <= _STATUS_LAST)
            counts[status] = store_column_number(row, 1);
    }
    if (r >= 0)
        memcpy(ret_counts, counts, sizeof counts);
    return r;
}

int store_count_jobs(Store *store, uint64_t ret_counts[static _STATUS_LAST + 1]) {
    memcpy(ret_counts, store->totals.jobs, sizeof store->totals.jobs);
    return 0;
}

int store_job_cpu_time(Store *store, uint64_t job, uint64_t *ret_usec) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_JOB_CPU_TIME);

    store_bind_number(row, 1, job);
    int r = one_row(store, row);
    if (r >= 0)
        *ret_usec = store_column_number(row, 0);
    (void)sqlite3_reset(row);
    return r;
}

int store_history_bounds(Store *store, uint64_t *ret_newest, uint64_t *ret_complete_after) {
    *ret_newest = store->newest_history;
    *ret_complete_after = store->totals.complete_after;
    return 0;
}

int store_oldest_ended_job(Store *store, uint64_t *ret_id, uint64_t *ret_end_time) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_OLDEST_ENDED_JOB);

    int r = one_row(store, row);
    if (r >= 0) {
        *ret_id = store_column_number(row, 0);
        *ret_end_time = store_column_number(row, 1);
    }
    (void)sqlite3_reset(row);
    return r;
}

int store_queue_bounds(Store *store, int64_t *ret_first, int64_t *ret_last) {
    sqlite3_stmt *row = store_statement(store, STATEMENT_QUEUE_BOUNDS);

    int r = one_row(store, row);
    if (r >= 0) {
        *ret_first = sqlite3_column_int64(row, 0);
        *ret_last = sqlite3_column_int64(row, 1);
    }
    (void)sqlite3_reset(row);
    return r;
}
