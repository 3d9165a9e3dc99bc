// SPDX-License-Identifier: LGPL-2.1-or-later
// What the files of the store share: the object, its statements and how they are run. Included by agent/store*.c alone.
#pragma once

#include "agent/store.h"

#include <sqlite3.h>
#include <stdbool.h>

// Each has its text in the table of agent/store-statements.c.
typedef enum StoreStatement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_READ_TOTALS,
    STATEMENT_WRITE_TOTALS,
    STATEMENT_NEWEST_HISTORY,
    // jobs
    STATEMENT_ADD_JOB,
    STATEMENT_UPDATE_JOB,
    STATEMENT_JOB_STATUS,
    STATEMENT_GET_JOB,
    STATEMENT_WALK_JOBS,
    STATEMENT_WALK_LIVE_JOBS,
    STATEMENT_WALK_JOBS_OF_OWNER,
    STATEMENT_JOB_SPEC,
    STATEMENT_JOB_CPU_TIME,
    STATEMENT_OLDEST_ENDED_JOB,
    STATEMENT_QUEUE_BOUNDS,
    STATEMENT_REMOVE_JOB,
    // tasks
    STATEMENT_ADD_TASK,
    STATEMENT_UPDATE_TASK,
    STATEMENT_UPDATE_TASKS,
    STATEMENT_TASK_STATUS,
    STATEMENT_GET_TASK,
    STATEMENT_WALK_TASKS,
    STATEMENT_TASK_SPEC,
    STATEMENT_COUNT_TASKS,
    STATEMENT_REMOVE_TASKS,
    // attempts
    STATEMENT_ADD_ATTEMPT,
    STATEMENT_UPDATE_ATTEMPT,
    STATEMENT_GET_ATTEMPT,
    STATEMENT_WALK_ATTEMPTS,
    STATEMENT_WALK_RUNNING_ATTEMPTS,
    STATEMENT_REMOVE_ATTEMPTS,
    // history
    STATEMENT_ADD_HISTORY,
    STATEMENT_WALK_HISTORY,
    STATEMENT_WALK_HISTORY_OF_JOB,
    STATEMENT_NEWEST_HISTORY_OF_JOB,
    STATEMENT_REMOVE_HISTORY,
    // parameters
    STATEMENT_SET_PARAMETER,
    STATEMENT_GET_PARAMETER,
    _STATEMENT_LAST = STATEMENT_GET_PARAMETER
} StoreStatement;

// What would be slow to count each time: one row, kept in memory and written with the commit that changes it.
typedef struct StoreTotals {
    uint64_t jobs[_STATUS_LAST + 1];
    uint64_t tasks[_STATUS_LAST + 1];
    uint64_t complete_after; // no history entry behind this one was ever removed
} StoreTotals;

struct Store {
    sqlite3 *db;
    sqlite3_stmt *statements[_STATEMENT_LAST + 1];
    bool dirty; // a transaction is open
    int failed; // the first error of a write in it; nothing more is written until store_rollback()
    bool totals_changed;
    StoreTotals totals, durable_totals; // with and without the open transaction
    uint64_t newest_history, durable_newest_history;
};

// A step from the version before: its statements are one transaction.
typedef struct StoreMigration {
    int version;
    const char *sql;
} StoreMigration;

// Those of this program, by rising version (agent/store-schema.c).
extern const StoreMigration store_migrations[];
extern const size_t n_store_migrations;

// Takes the steps that the database has not taken yet. -ENOTSUP when it is of a newer version than the last of them;
// a step that fails leaves the version before it.
int store_migrate(sqlite3 *db, const StoreMigration *migrations, size_t n);

int store_prepare(Store *store);
void store_finalize(Store *store);

// The negative errno for what SQLite returned; what nobody can do anything about (damage, a mistake of ours) is logged.
int store_error(sqlite3 *db, int result);

// A statement, reset and without bindings. Not while a walk with the same statement goes on (an assertion).
sqlite3_stmt *store_statement(Store *store, StoreStatement statement);

// Runs it one step. 1: a row; 0: done, and reset; negative errno: reset.
int store_step(Store *store, sqlite3_stmt *statement);

// Runs one that writes: opens the transaction when it is the first. An error stays until store_rollback().
int store_write(Store *store, sqlite3_stmt *statement);

// Bind by position. Texts are borrowed until the statement is run, so that binding takes no memory and cannot fail;
// RECORD_UNKNOWN and a NULL text are null.
void store_bind_number(sqlite3_stmt *statement, int position, uint64_t value);
void store_bind_signed(sqlite3_stmt *statement, int position, int64_t value);
void store_bind_text(sqlite3_stmt *statement, int position, const char *text);

// Read a column of a row, by position. Null is RECORD_UNKNOWN and NULL.
uint64_t store_column_number(sqlite3_stmt *statement, int column);
int store_column_text(sqlite3_stmt *statement, int column, char **ret); // a copy; -ENOMEM
