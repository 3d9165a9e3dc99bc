// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/store-internal.h"

#include <errno.h>

static void count_move(Store *store, uint64_t *counts, Status from, Status to, uint64_t n) {
    if (from == to || n == 0)
        return;
    counts[from] -= n;
    counts[to] += n;
    store->totals_changed = true;
}

static void count_new(Store *store, uint64_t *counts, Status status) {
    counts[status]++;
    store->totals_changed = true;
}

// The status on record, read by a statement with the key bound. -ENOENT.
static int read_status(Store *store, sqlite3_stmt *statement, Status *ret) {
    int r = store_step(store, statement);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    Status status = (Status)sqlite3_column_int(statement, 0);
    (void)sqlite3_reset(statement);
    if (status > _STATUS_LAST)
        return -EBADMSG;
    *ret = status;
    return 0;
}

// Prints a specification, NUL-terminated.
static int print(const json_t *spec, Buffer *buffer) {
    int r = ipc_json_print(spec, buffer);
    return r < 0 ? r : buffer_append(buffer, "", 1);
}

// ---- jobs ----

static void bind_job(sqlite3_stmt *statement, const JobRecord *job) {
    store_bind_text(statement, 2, job->name);
    store_bind_number(statement, 3, job->status);
    store_bind_number(statement, 4, job->cause);
    store_bind_number(statement, 5, job->owner_uid);
    store_bind_text(statement, 6, job->owner);
    store_bind_number(statement, 7, job->user_uid);
    store_bind_text(statement, 8, job->user);
    store_bind_number(statement, 9, job->priority);
    store_bind_number(statement, 10, job->min_slots);
    store_bind_number(statement, 11, job->max_slots);
    store_bind_number(statement, 12, job->run_time_limit);
    store_bind_number(statement, 13, job->grace_period);
    store_bind_signed(statement, 14, job->queue_order);
    store_bind_number(statement, 15, job->runs);
    store_bind_number(statement, 16, job->tasks);
    store_bind_text(statement, 17, job->error_message);
    store_bind_text(statement, 18, job->cancel_message);
    store_bind_text(statement, 19, job->canceled_by);
    store_bind_number(statement, 20, job->cancel_time);
    store_bind_number(statement, 21, job->intent);
    store_bind_number(statement, 22, job->intent_grace);
    store_bind_number(statement, 23, job->intent_time);
    store_bind_number(statement, 24, job->create_time);
    store_bind_number(statement, 25, job->submit_time);
    store_bind_number(statement, 26, job->start_time);
    store_bind_number(statement, 27, job->end_time);
}

int store_add_job(Store *store, const JobRecord *job, const json_t *spec, uint64_t *ret_id) {
    AUTO_JSON json_t *without_tasks = json_copy((json_t *)spec);
    CLEANUP(buffer_deinit) Buffer text = BUFFER_NULL;

    if (!without_tasks)
        return -ENOMEM;
    (void)json_object_del(without_tasks, "tasks");
    int r = print(without_tasks, &text);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_JOB);
    bind_job(statement, job);
    store_bind_text(statement, 28, (const char *)buffer_bytes(&text));
    r = store_write(store, statement);
    if (r < 0)
        return r;
    count_new(store, store->totals.jobs, job->status);
    *ret_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
    return 0;
}

int store_update_job(Store *store, const JobRecord *job) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_JOB_STATUS);
    Status before;

    store_bind_number(statement, 1, job->id);
    int r = read_status(store, statement, &before);
    if (r < 0)
        return r;
    statement = store_statement(store, STATEMENT_UPDATE_JOB);
    store_bind_number(statement, 1, job->id);
    bind_job(statement, job);
    r = store_write(store, statement);
    if (r >= 0)
        count_move(store, store->totals.jobs, before, job->status, 1);
    return r;
}

// ---- tasks ----

static void bind_task(sqlite3_stmt *statement, const TaskRecord *task) {
    store_bind_number(statement, 1, task->job);
    store_bind_number(statement, 2, task->id);
    store_bind_text(statement, 3, task->name);
    store_bind_number(statement, 4, task->status);
    store_bind_number(statement, 5, task->cause);
    store_bind_signed(statement, 6, task->exit_code);
    store_bind_signed(statement, 7, task->signal);
    store_bind_number(statement, 8, task->attempt);
    store_bind_number(statement, 9, task->rerunnable);
    store_bind_number(statement, 10, task->run_time_limit);
    store_bind_text(statement, 11, task->error_message);
    store_bind_text(statement, 12, task->cancel_message);
    store_bind_text(statement, 13, task->canceled_by);
    store_bind_number(statement, 14, task->intent);
    store_bind_number(statement, 15, task->intent_grace);
    store_bind_number(statement, 16, task->intent_time);
    store_bind_number(statement, 17, task->create_time);
    store_bind_number(statement, 18, task->start_time);
    store_bind_number(statement, 19, task->end_time);
}

int store_add_task(Store *store, const TaskRecord *task, const json_t *spec) {
    CLEANUP(buffer_deinit) Buffer text = BUFFER_NULL;

    int r = print(spec, &text);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_TASK);
    bind_task(statement, task);
    store_bind_text(statement, 20, (const char *)buffer_bytes(&text));
    r = store_write(store, statement);
    if (r >= 0)
        count_new(store, store->totals.tasks, task->status);
    return r;
}

int store_update_task(Store *store, const TaskRecord *task) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_TASK_STATUS);
    Status before;

    store_bind_number(statement, 1, task->job);
    store_bind_number(statement, 2, task->id);
    int r = read_status(store, statement, &before);
    if (r < 0)
        return r;
    statement = store_statement(store, STATEMENT_UPDATE_TASK);
    bind_task(statement, task);
    r = store_write(store, statement);
    if (r >= 0)
        count_move(store, store->totals.tasks, before, task->status, 1);
    return r;
}

int store_update_tasks(Store *store, uint64_t job, Status from, Status to, Cause cause, uint64_t end_time) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_UPDATE_TASKS);

    store_bind_number(statement, 1, job);
    store_bind_number(statement, 2, from);
    store_bind_number(statement, 3, to);
    store_bind_number(statement, 4, cause);
    store_bind_number(statement, 5, end_time);
    int r = store_write(store, statement);
    if (r >= 0)
        count_move(store, store->totals.tasks, from, to, (uint64_t)sqlite3_changes64(store->db));
    return r;
}

// ---- attempts ----

static void bind_attempt(sqlite3_stmt *statement, const AttemptRecord *attempt) {
    store_bind_number(statement, 1, attempt->key.job);
    store_bind_number(statement, 2, attempt->key.task);
    store_bind_number(statement, 3, attempt->key.attempt);
    store_bind_number(statement, 4, attempt->key.run);
    store_bind_number(statement, 5, attempt->status);
    store_bind_number(statement, 6, attempt->cause);
    store_bind_number(statement, 7, attempt->exited);
    store_bind_signed(statement, 8, attempt->wait_status);
    store_bind_text(statement, 9, attempt->error_message);
    store_bind_number(statement, 10, attempt->start_time);
    store_bind_number(statement, 11, attempt->end_time);
    store_bind_text(statement, 12, attempt->boot_id);
    store_bind_number(statement, 13, attempt->cgroup_id);
    store_bind_number(statement, 14, attempt->user_time);
    store_bind_number(statement, 15, attempt->system_time);
    store_bind_number(statement, 16, attempt->memory_peak);
    store_bind_number(statement, 17, attempt->max_resident);
    store_bind_number(statement, 18, attempt->process_peak);
    store_bind_number(statement, 19, attempt->processes_killed);
    store_bind_number(statement, 20, attempt->stdout_kept);
    store_bind_number(statement, 21, attempt->stdout_dropped);
    store_bind_number(statement, 22, attempt->stderr_kept);
    store_bind_number(statement, 23, attempt->stderr_dropped);
    store_bind_text(statement, 24, attempt->evidence);
}

int store_add_attempt(Store *store, const AttemptRecord *attempt) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_ATTEMPT);

    bind_attempt(statement, attempt);
    return store_write(store, statement);
}

int store_update_attempt(Store *store, const AttemptRecord *attempt) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_UPDATE_ATTEMPT);

    bind_attempt(statement, attempt);
    int r = store_write(store, statement);
    return r >= 0 && sqlite3_changes(store->db) == 0 ? -ENOENT : r;
}

// ---- history and parameters ----

int store_add_history(Store *store, const HistoryRecord *entry, uint64_t *ret_sequence) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_HISTORY);

    store_bind_number(statement, 2, entry->time);
    store_bind_number(statement, 3, entry->job);
    store_bind_number(statement, 4, entry->task);
    store_bind_number(statement, 5, entry->run);
    store_bind_number(statement, 6, entry->attempt);
    store_bind_signed(statement, 7, entry->from);
    store_bind_number(statement, 8, entry->to);
    store_bind_text(statement, 9, entry->cause);
    store_bind_text(statement, 10, entry->actor);
    store_bind_text(statement, 11, entry->message);
    int r = store_write(store, statement);
    if (r < 0)
        return r;
    store->newest_history = (uint64_t)sqlite3_last_insert_rowid(store->db);
    *ret_sequence = store->newest_history;
    return 0;
}

int store_set_parameter(Store *store, const char *name, const char *value) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_SET_PARAMETER);

    store_bind_text(statement, 1, name);
    store_bind_text(statement, 2, value);
    return store_write(store, statement);
}

// ---- removal ----

static int note_removed_history(Store *store, uint64_t job) {
    sqlite3_stmt *statement = store_statement(store, STATEMENT_NEWEST_HISTORY_OF_JOB);

    store_bind_number(statement, 1, job);
    int r = store_step(store, statement);
    if (r <= 0)
        return r;
    uint64_t newest = store_column_number(statement, 0);
    (void)sqlite3_reset(statement);
    if (newest != RECORD_UNKNOWN && newest > store->totals.complete_after) {
        store->totals.complete_after = newest;
        store->totals_changed = true;
    }
    return 0;
}

int store_remove_job(Store *store, uint64_t job) {
    // Those that refer to others go first.
    static const StoreStatement removals[] = { STATEMENT_REMOVE_HISTORY, STATEMENT_REMOVE_ATTEMPTS,
                                               STATEMENT_REMOVE_TASKS, STATEMENT_REMOVE_JOB };
    sqlite3_stmt *statement = store_statement(store, STATEMENT_JOB_STATUS);
    uint64_t tasks[_STATUS_LAST + 1];
    Status status;

    store_bind_number(statement, 1, job);
    int r = read_status(store, statement, &status);
    if (r >= 0)
        r = store_count_tasks(store, job, tasks);
    if (r >= 0)
        r = note_removed_history(store, job);
    for (size_t i = 0; r >= 0 && i < sizeof removals / sizeof *removals; i++) {
        statement = store_statement(store, removals[i]);
        store_bind_number(statement, 1, job);
        r = store_write(store, statement);
    }
    if (r < 0)
        return r;
    store->totals.jobs[status]--;
    for (int i = 0; i <= _STATUS_LAST; i++)
        store->totals.tasks[i] -= tasks[i];
    store->totals_changed = true;
    return 0;
}
