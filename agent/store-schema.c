// SPDX-License-Identifier: LGPL-2.1-or-later
// The tables, as the steps that made them. A step that was released is never changed: add another one behind it.
//
// Statuses, causes, priorities and intents are the numbers of their enums (agent/status.h, agent/record.h), which
// therefore may only grow at their ends: as words with the same checks a job would cost three times as much. Times are
// microseconds, 0 for not yet; other numbers are null when they are not known.
#include "agent/store-internal.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static_assert(STATUS_RUNNING == 2 && STATUS_CANCELING == 3 && STATUS_FINISHED == 4 && _STATUS_LAST == 6,
              "the numbers are in the tables and their indexes");
static_assert(_CAUSE_LAST == 13 && _PRIORITY_LAST == 4 && _INTENT_LAST == 3, "the checks of the tables have to grow");

static const char version_1[] =
    "CREATE TABLE jobs ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL,"
    "  status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),"
    "  cause INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 13),"
    "  owner_uid INTEGER NOT NULL,"
    "  owner TEXT NOT NULL,"
    "  user_uid INTEGER NOT NULL,"
    "  user TEXT NOT NULL,"
    "  priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4),"
    "  min_slots INTEGER NOT NULL,"
    "  max_slots INTEGER NOT NULL,"
    "  run_time_limit INTEGER NOT NULL,"
    "  grace_period INTEGER,"
    "  queue_order INTEGER NOT NULL,"
    "  runs INTEGER NOT NULL,"
    "  tasks INTEGER NOT NULL,"
    "  error_message TEXT,"
    "  cancel_message TEXT,"
    "  canceled_by TEXT,"
    "  cancel_time INTEGER NOT NULL,"
    "  intent INTEGER NOT NULL CHECK (intent BETWEEN 0 AND 3),"
    "  intent_grace INTEGER,"
    "  intent_time INTEGER NOT NULL,"
    "  create_time INTEGER NOT NULL,"
    "  submit_time INTEGER NOT NULL,"
    "  start_time INTEGER NOT NULL,"
    "  end_time INTEGER NOT NULL,"
    "  spec TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX jobs_of_owner ON jobs (owner_uid);"
    "CREATE INDEX jobs_live ON jobs (id) WHERE status <= 3;"
    "CREATE INDEX jobs_ended ON jobs (end_time) WHERE status >= 4;"

    "CREATE TABLE tasks ("
    "  job INTEGER NOT NULL REFERENCES jobs,"
    "  id INTEGER NOT NULL,"
    "  name TEXT,"
    "  status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),"
    "  cause INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 13),"
    "  exit_code INTEGER NOT NULL,"
    "  signal INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  rerunnable INTEGER NOT NULL,"
    "  run_time_limit INTEGER NOT NULL,"
    "  error_message TEXT,"
    "  cancel_message TEXT,"
    "  canceled_by TEXT,"
    "  intent INTEGER NOT NULL CHECK (intent BETWEEN 0 AND 3),"
    "  intent_grace INTEGER,"
    "  intent_time INTEGER NOT NULL,"
    "  create_time INTEGER NOT NULL,"
    "  start_time INTEGER NOT NULL,"
    "  end_time INTEGER NOT NULL,"
    "  spec TEXT NOT NULL,"
    "  PRIMARY KEY (job, id)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE attempts ("
    "  job INTEGER NOT NULL,"
    "  task INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  run INTEGER NOT NULL,"
    "  status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),"
    "  cause INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 13),"
    "  exited INTEGER NOT NULL,"
    "  wait_status INTEGER NOT NULL,"
    "  error_message TEXT,"
    "  start_time INTEGER NOT NULL,"
    "  end_time INTEGER NOT NULL,"
    "  boot_id TEXT NOT NULL,"
    "  cgroup_id INTEGER,"
    "  user_time INTEGER,"
    "  system_time INTEGER,"
    "  memory_peak INTEGER,"
    "  max_resident INTEGER,"
    "  process_peak INTEGER,"
    "  processes_killed INTEGER,"
    "  stdout_kept INTEGER,"
    "  stdout_dropped INTEGER,"
    "  stderr_kept INTEGER,"
    "  stderr_dropped INTEGER,"
    "  evidence TEXT,"
    "  PRIMARY KEY (job, task, attempt),"
    "  FOREIGN KEY (job, task) REFERENCES tasks"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX attempts_running ON attempts (job) WHERE status = 2;"

    "CREATE TABLE history ("
    "  sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  time INTEGER NOT NULL,"
    "  job INTEGER NOT NULL REFERENCES jobs,"
    "  task INTEGER NOT NULL,"
    "  run INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  from_status INTEGER NOT NULL CHECK (from_status BETWEEN -1 AND 6),"
    "  to_status INTEGER NOT NULL CHECK (to_status BETWEEN 0 AND 6),"
    "  cause TEXT NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  message TEXT"
    ") STRICT;"
    "CREATE INDEX history_of_job ON history (job);"

    "CREATE TABLE parameters ("
    "  name TEXT PRIMARY KEY,"
    "  value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    // Always one row.
    "CREATE TABLE totals ("
    "  jobs_not_submitted INTEGER NOT NULL, jobs_queued INTEGER NOT NULL, jobs_running INTEGER NOT NULL,"
    "  jobs_canceling INTEGER NOT NULL, jobs_finished INTEGER NOT NULL, jobs_failed INTEGER NOT NULL,"
    "  jobs_canceled INTEGER NOT NULL,"
    "  tasks_not_submitted INTEGER NOT NULL, tasks_queued INTEGER NOT NULL, tasks_running INTEGER NOT NULL,"
    "  tasks_canceling INTEGER NOT NULL, tasks_finished INTEGER NOT NULL, tasks_failed INTEGER NOT NULL,"
    "  tasks_canceled INTEGER NOT NULL,"
    "  history_complete_after INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO totals VALUES (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);";

const StoreMigration store_migrations[] = {
    { 1, version_1 },
};
const size_t n_store_migrations = sizeof store_migrations / sizeof *store_migrations;

static int execute(sqlite3 *db, const char *sql) {
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK ? 0 : store_error(db, result);
}

static int read_version(sqlite3 *db, int *ret) {
    sqlite3_stmt *statement;

    int result = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW)
        *ret = sqlite3_column_int(statement, 0);
    int r = result == SQLITE_ROW ? 0 : store_error(db, result);
    (void)sqlite3_finalize(statement);
    return r;
}

static int take_step(sqlite3 *db, const StoreMigration *migration) {
    char set_version[64];

    (void)snprintf(set_version, sizeof set_version, "PRAGMA user_version = %d", migration->version);
    int r = execute(db, "BEGIN IMMEDIATE");
    if (r >= 0)
        r = execute(db, migration->sql);
    if (r >= 0)
        r = execute(db, set_version);
    if (r >= 0)
        r = execute(db, "COMMIT");
    if (r < 0 && !sqlite3_get_autocommit(db))
        (void)execute(db, "ROLLBACK");
    return r;
}

int store_migrate(sqlite3 *db, const StoreMigration *migrations, size_t n) {
    int version = 0;

    int r = read_version(db, &version);
    if (r < 0)
        return r;
    if (version > migrations[n - 1].version) {
        log_error("the records are of version %d and this program knows versions up to %d: start a newer corrald",
                  version, migrations[n - 1].version);
        return -ENOTSUP;
    }
    for (size_t i = 0; r >= 0 && i < n; i++)
        if (migrations[i].version > version)
            r = take_step(db, &migrations[i]);
    return r;
}
