// SPDX-License-Identifier: LGPL-2.1-or-later
// All SQL that runs after the start, and the one way to run it.
#include "agent/store-internal.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define JOB_COLUMNS                                                                                                    \
    "id, name, status, cause, owner_uid, owner, user_uid, user, priority, min_slots, max_slots, run_time_limit,"       \
    " grace_period, queue_order, runs, tasks, error_message, cancel_message, canceled_by, cancel_time, intent,"        \
    " intent_grace, intent_time, create_time, submit_time, start_time, end_time"

#define TASK_COLUMNS                                                                                                   \
    "job, id, name, status, cause, exit_code, signal, attempt, rerunnable, run_time_limit, error_message,"             \
    " cancel_message, canceled_by, intent, intent_grace, intent_time, create_time, start_time, end_time"

#define ATTEMPT_COLUMNS                                                                                                \
    "job, task, attempt, run, status, cause, exited, wait_status, error_message, start_time, end_time, boot_id,"       \
    " cgroup_id, user_time, system_time, memory_peak, max_resident, process_peak, processes_killed, stdout_kept,"      \
    " stdout_dropped, stderr_kept, stderr_dropped, evidence"

#define HISTORY_COLUMNS "sequence, time, job, task, run, attempt, from_status, to_status, cause, actor, message"

// Parameters are numbered as the columns above, so that one function binds a record for adding and for updating.
static const char *const texts[_STATEMENT_LAST + 1] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_READ_TOTALS] = "SELECT * FROM totals",
    [STATEMENT_WRITE_TOTALS] = "UPDATE totals SET jobs_not_submitted = ?1, jobs_queued = ?2, jobs_running = ?3,"
                               " jobs_canceling = ?4, jobs_finished = ?5, jobs_failed = ?6, jobs_canceled = ?7,"
                               " tasks_not_submitted = ?8, tasks_queued = ?9, tasks_running = ?10,"
                               " tasks_canceling = ?11, tasks_finished = ?12, tasks_failed = ?13,"
                               " tasks_canceled = ?14, history_complete_after = ?15",
    [STATEMENT_NEWEST_HISTORY] = "SELECT seq FROM sqlite_sequence WHERE name = 'history'",

    [STATEMENT_ADD_JOB] = "INSERT INTO jobs (" JOB_COLUMNS ", spec) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                          " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)",
    [STATEMENT_UPDATE_JOB] = "UPDATE jobs SET status = ?3, cause = ?4, priority = ?9, min_slots = ?10,"
                             " max_slots = ?11, run_time_limit = ?12, grace_period = ?13, queue_order = ?14,"
                             " runs = ?15, tasks = ?16, error_message = ?17, cancel_message = ?18, canceled_by = ?19,"
                             " cancel_time = ?20, intent = ?21, intent_grace = ?22, intent_time = ?23,"
                             " submit_time = ?25, start_time = ?26, end_time = ?27 WHERE id = ?1",
    [STATEMENT_JOB_STATUS] = "SELECT status FROM jobs WHERE id = ?1",
    [STATEMENT_GET_JOB] = "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?1",
    [STATEMENT_WALK_JOBS] = "SELECT " JOB_COLUMNS " FROM jobs WHERE id > ?1 ORDER BY id",
    [STATEMENT_WALK_LIVE_JOBS] =
        "SELECT " JOB_COLUMNS " FROM jobs INDEXED BY jobs_live WHERE status <= 3 AND id > ?1 ORDER BY id",
    [STATEMENT_WALK_JOBS_OF_OWNER] = "SELECT " JOB_COLUMNS " FROM jobs INDEXED BY jobs_of_owner"
                                     " WHERE owner_uid = ?2 AND id > ?1 ORDER BY id",
    [STATEMENT_JOB_SPEC] = "SELECT spec FROM jobs WHERE id = ?1",
    [STATEMENT_JOB_CPU_TIME] =
        "SELECT coalesce(sum(user_time), 0) + coalesce(sum(system_time), 0) FROM attempts WHERE job = ?1",
    [STATEMENT_OLDEST_ENDED_JOB] =
        "SELECT id, end_time FROM jobs INDEXED BY jobs_ended WHERE status >= 4 ORDER BY end_time LIMIT 1",
    // The order of jobs that are over means nothing: a requeue gives them a new one.
    [STATEMENT_QUEUE_BOUNDS] = "SELECT coalesce(min(queue_order), 0), coalesce(max(queue_order), 0)"
                               " FROM jobs INDEXED BY jobs_live WHERE status <= 3",
    [STATEMENT_REMOVE_JOB] = "DELETE FROM jobs WHERE id = ?1",

    [STATEMENT_ADD_TASK] = "INSERT INTO tasks (" TASK_COLUMNS ", spec) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                           " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
    [STATEMENT_UPDATE_TASK] = "UPDATE tasks SET status = ?4, cause = ?5, exit_code = ?6, signal = ?7, attempt = ?8,"
                              " error_message = ?11, cancel_message = ?12, canceled_by = ?13, intent = ?14,"
                              " intent_grace = ?15, intent_time = ?16, start_time = ?18, end_time = ?19"
                              " WHERE job = ?1 AND id = ?2",
    // OR FAIL: the turn is taken back as a whole when it fails, so SQLite need not keep what it was for this alone.
    [STATEMENT_UPDATE_TASKS] = "UPDATE OR FAIL tasks SET status = ?3, cause = ?4, end_time = ?5"
                               " WHERE job = ?1 AND status = ?2",
    [STATEMENT_TASK_STATUS] = "SELECT status FROM tasks WHERE job = ?1 AND id = ?2",
    [STATEMENT_GET_TASK] = "SELECT " TASK_COLUMNS " FROM tasks WHERE job = ?1 AND id = ?2",
    [STATEMENT_WALK_TASKS] = "SELECT " TASK_COLUMNS " FROM tasks WHERE job = ?1 AND id > ?2 ORDER BY id",
    [STATEMENT_TASK_SPEC] = "SELECT spec FROM tasks WHERE job = ?1 AND id = ?2",
    [STATEMENT_COUNT_TASKS] = "SELECT status, count(*) FROM tasks WHERE job = ?1 GROUP BY status",
    [STATEMENT_REMOVE_TASKS] = "DELETE FROM tasks WHERE job = ?1",

    [STATEMENT_ADD_ATTEMPT] = "INSERT INTO attempts (" ATTEMPT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                              " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)",
    [STATEMENT_UPDATE_ATTEMPT] =
        "UPDATE attempts SET status = ?5, cause = ?6, exited = ?7, wait_status = ?8, error_message = ?9,"
        " start_time = ?10, end_time = ?11, boot_id = ?12, cgroup_id = ?13, user_time = ?14, system_time = ?15,"
        " memory_peak = ?16, max_resident = ?17, process_peak = ?18, processes_killed = ?19, stdout_kept = ?20,"
        " stdout_dropped = ?21, stderr_kept = ?22, stderr_dropped = ?23, evidence = ?24"
        " WHERE job = ?1 AND task = ?2 AND attempt = ?3",
    [STATEMENT_GET_ATTEMPT] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE job = ?1 AND task = ?2 AND attempt = ?3",
    // ?2: the task, 0 for all.
    [STATEMENT_WALK_ATTEMPTS] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE job = ?1"
                                " AND task >= ?2 AND (?2 = 0 OR task = ?2) ORDER BY task, attempt",
    [STATEMENT_WALK_RUNNING_ATTEMPTS] =
        "SELECT " ATTEMPT_COLUMNS " FROM attempts INDEXED BY attempts_running WHERE status = 2",
    [STATEMENT_REMOVE_ATTEMPTS] = "DELETE FROM attempts WHERE job = ?1",

    [STATEMENT_ADD_HISTORY] =
        "INSERT INTO history (time, job, task, run, attempt, from_status, to_status, cause, actor,"
        " message) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [STATEMENT_WALK_HISTORY] = "SELECT " HISTORY_COLUMNS " FROM history WHERE sequence > ?1 ORDER BY sequence",
    [STATEMENT_WALK_HISTORY_OF_JOB] = "SELECT " HISTORY_COLUMNS " FROM history INDEXED BY history_of_job"
                                      " WHERE job = ?2 AND sequence > ?1 ORDER BY sequence",
    [STATEMENT_NEWEST_HISTORY_OF_JOB] = "SELECT max(sequence) FROM history WHERE job = ?1",
    [STATEMENT_REMOVE_HISTORY] = "DELETE FROM history WHERE job = ?1",

    [STATEMENT_SET_PARAMETER] =
        "INSERT INTO parameters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
    [STATEMENT_GET_PARAMETER] = "SELECT value FROM parameters WHERE name = ?1",
};

int store_prepare(Store *store) {
    for (int i = 0; i <= _STATEMENT_LAST; i++) {
        int result =
            sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        if (result != SQLITE_OK)
            return store_error(store->db, result);
    }
    return 0;
}

void store_finalize(Store *store) {
    for (int i = 0; i <= _STATEMENT_LAST; i++)
        (void)sqlite3_finalize(store->statements[i]);
}

int store_error(sqlite3 *db, int result) {
    switch (result & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_IOERR:
        return sqlite3_system_errno(db) == ENOSPC || sqlite3_system_errno(db) == EDQUOT ? -ENOSPC : -EIO;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return -EROFS;
    case SQLITE_CANTOPEN:
        return sqlite3_system_errno(db) > 0 ? -sqlite3_system_errno(db) : -EIO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        log_error("the records are damaged: %s", sqlite3_errmsg(db));
        return -EBADMSG;
    default:
        log_error("the records: %s", sqlite3_errmsg(db));
        return -EINVAL;
    }
}

sqlite3_stmt *store_statement(Store *store, StoreStatement statement) {
    sqlite3_stmt *found = store->statements[statement];

    assert(!sqlite3_stmt_busy(found));
    (void)sqlite3_clear_bindings(found);
    return found;
}

int store_step(Store *store, sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);

    if (result == SQLITE_ROW)
        return 1;
    int r = result == SQLITE_DONE ? 0 : store_error(store->db, result);
    (void)sqlite3_reset(statement);
    return r;
}

int store_write(Store *store, sqlite3_stmt *statement) {
    int r = store->failed;

    if (r >= 0 && !store->dirty) {
        r = store_step(store, store_statement(store, STATEMENT_BEGIN));
        store->dirty = r >= 0;
    }
    if (r >= 0)
        r = store_step(store, statement);
    if (r < 0)
        store->failed = r;
    return r;
}

void store_bind_number(sqlite3_stmt *statement, int position, uint64_t value) {
    int result = value == RECORD_UNKNOWN ? sqlite3_bind_null(statement, position)
                                         : sqlite3_bind_int64(statement, position, (sqlite3_int64)value);

    assert(result == SQLITE_OK);
    (void)result;
}

void store_bind_signed(sqlite3_stmt *statement, int position, int64_t value) {
    int result = sqlite3_bind_int64(statement, position, value);

    assert(result == SQLITE_OK);
    (void)result;
}

void store_bind_text(sqlite3_stmt *statement, int position, const char *text) {
    int result =
        text ? sqlite3_bind_text(statement, position, text, -1, SQLITE_STATIC) : sqlite3_bind_null(statement, position);

    assert(result == SQLITE_OK);
    (void)result;
}

uint64_t store_column_number(sqlite3_stmt *statement, int column) {
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return RECORD_UNKNOWN;
    return (uint64_t)sqlite3_column_int64(statement, column);
}

int store_column_text(sqlite3_stmt *statement, int column, char **ret) {
    char *copy = NULL;

    if (sqlite3_column_type(statement, column) != SQLITE_NULL) {
        const char *text = (const char *)sqlite3_column_text(statement, column);
        copy = text ? strdup(text) : NULL;
        if (!copy)
            return -ENOMEM;
    }
    *ret = copy;
    return 0;
}
