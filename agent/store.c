// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/store.h"

#include "agent/store-internal.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define APPLICATION_ID "1131377260" // "Corl": what file(1) and we know the file by
#define FILE_NAME "corral.db"

static int execute(Store *store, const char *sql) {
    int result = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK ? 0 : store_error(store->db, result);
}

// The first column of the first row as a number.
static int query(Store *store, const char *sql, int64_t *ret) {
    sqlite3_stmt *statement = NULL;

    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    int r = result == SQLITE_ROW ? 0 : store_error(store->db, result);
    (void)sqlite3_finalize(statement);
    return r;
}

// Nobody but us is to read the file: SQLite gives its companions the same mode.
static int make_file(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -errno;
    close_fd(fd);
    return 0;
}

static int open_database(Store *store, const char *path) {
    // No statistics: they cost on every allocation. Refused when SQLite is in use already, which does no harm.
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int result = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!store->db)
        return -ENOMEM;
    if (result != SQLITE_OK)
        return store_error(store->db, result);
    (void)sqlite3_extended_result_codes(store->db, 1);
    if (sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL) != SQLITE_OK)
        return -ENOTSUP;
    // Exclusive: there is one agent, and so there is no shared memory file. The cache is bounded: an idle agent is
    // small, and the pages of one that is busy are in the kernel's cache.
    return execute(store, "PRAGMA locking_mode = EXCLUSIVE;"
                          "PRAGMA cache_size = -2048;"
                          "PRAGMA foreign_keys = ON;");
}

// An empty file becomes ours; another program's database does not.
static int claim_database(Store *store) {
    int64_t id = 0, tables = 0;

    int r = query(store, "PRAGMA application_id", &id);
    if (r >= 0)
        r = query(store, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r < 0)
        return r;
    if (id == 0 && tables == 0)
        return execute(store, "PRAGMA application_id = " APPLICATION_ID);
    if (id != strtoll(APPLICATION_ID, NULL, 10)) {
        log_error("the database was made by another program");
        return -EBADMSG;
    }
    return 0;
}

static int use_log(Store *store) {
    // WAL: a commit is one write and one flush. FULL: that flush comes before the commit returns. The log is cut back
    // to this size after a checkpoint.
    int r = execute(store, "PRAGMA journal_mode = WAL;"
                           "PRAGMA synchronous = FULL;"
                           "PRAGMA journal_size_limit = 8388608;");
    if (r >= 0 && sqlite3_db_readonly(store->db, "main") == 1)
        r = -EROFS;
    return r;
}

static int read_totals(Store *store) {
    StoreTotals *totals = &store->durable_totals;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_READ_TOTALS);

    int r = store_step(store, statement);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    for (int i = 0; i <= _STATUS_LAST; i++) {
        totals->jobs[i] = store_column_number(statement, i);
        totals->tasks[i] = store_column_number(statement, _STATUS_LAST + 1 + i);
    }
    totals->complete_after = store_column_number(statement, 2 * (_STATUS_LAST + 1));
    (void)sqlite3_reset(statement);

    statement = store_statement(store, STATEMENT_NEWEST_HISTORY);
    r = store_step(store, statement);
    if (r < 0)
        return r;
    store->durable_newest_history = r > 0 ? store_column_number(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    store->totals = store->durable_totals;
    store->newest_history = store->durable_newest_history;
    return 0;
}

static int open_store(Store *store, const char *path) {
    int r = make_file(path);
    if (r >= 0)
        r = open_database(store, path);
    if (r >= 0)
        r = claim_database(store);
    if (r >= 0)
        r = use_log(store);
    if (r >= 0)
        r = store_migrate(store->db, store_migrations, n_store_migrations);
    if (r >= 0)
        r = store_prepare(store);
    if (r >= 0)
        r = read_totals(store);
    return r;
}

static const char *advice(int error) {
    switch (-error) {
    case EBUSY:
        return "; another program has it open";
    case EBADMSG:
        return "; repair it with \".recover\" of sqlite3(1), or move it away to begin without records";
    default:
        return "";
    }
}

int store_open(const char *directory, Store **ret) {
    AUTO_FREE char *path = NULL;
    Store *store = calloc(1, sizeof *store);

    if (!store || asprintf(&path, "%s/" FILE_NAME, directory) < 0) {
        free(store);
        path = NULL;
        return -ENOMEM;
    }
    int r = open_store(store, path);
    if (r < 0) {
        log_errno(LOG_ERR, r, "cannot use the records in %s%s", path, advice(r));
        store_free(store);
        return r;
    }
    *ret = store;
    return 0;
}

Store *store_free(Store *store) {
    if (!store)
        return NULL;
    store_finalize(store);
    // Rolls back what is open.
    int result = sqlite3_close(store->db);
    if (result != SQLITE_OK)
        log_error("cannot close the records: %s", sqlite3_errmsg(store->db));
    free(store);
    return NULL;
}

bool store_is_dirty(const Store *store) {
    return store->dirty;
}

static int write_totals(Store *store) {
    const StoreTotals *totals = &store->totals;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_WRITE_TOTALS);

    for (int i = 0; i <= _STATUS_LAST; i++) {
        store_bind_number(statement, 1 + i, totals->jobs[i]);
        store_bind_number(statement, 1 + _STATUS_LAST + 1 + i, totals->tasks[i]);
    }
    store_bind_number(statement, 1 + 2 * (_STATUS_LAST + 1), totals->complete_after);
    return store_write(store, statement);
}

int store_commit(Store *store) {
    int r = store->failed;

    if (r >= 0 && !store->dirty)
        return 0;
    if (r >= 0 && store->totals_changed)
        r = write_totals(store);
    if (r >= 0)
        r = store_step(store, store_statement(store, STATEMENT_COMMIT));
    if (r < 0) {
        store->failed = r;
        return r;
    }
    store->dirty = store->totals_changed = false;
    store->durable_totals = store->totals;
    store->durable_newest_history = store->newest_history;
    return 0;
}

void store_rollback(Store *store) {
    // After some errors SQLite has done it itself.
    if (!sqlite3_get_autocommit(store->db)) {
        int r = store_step(store, store_statement(store, STATEMENT_ROLLBACK));
        if (r < 0)
            log_errno(LOG_ERR, r, "cannot take back what was not committed");
    }
    store->dirty = store->totals_changed = false;
    store->failed = 0;
    store->totals = store->durable_totals;
    store->newest_history = store->durable_newest_history;
}
