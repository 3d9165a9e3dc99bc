// SPDX-License-Identifier: LGPL-2.1-or-later
// Opening: what is ours and what is not, and how older versions become newer ones.
#include "agent/store-internal.h"

#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *directory;
static char path[128];

static void setup(void) {
    directory = scratch_make();
    (void)snprintf(path, sizeof path, "%s/corral.db", directory);
}

TestSuite(store_open, .init = setup, .fini = scratch_remove);

static sqlite3 *open_raw(void) {
    sqlite3 *db;

    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void execute(sqlite3 *db, const char *sql) {
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
}

static int query(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;

    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return value;
}

static int try_open(void) {
    Store *store = NULL;

    int r = store_open(directory, &store);
    store_free(store);
    return r;
}

Test(store_open, settings) {
    struct stat status;
    Store *store;

    (void)umask(0);
    cr_assert_eq(store_open(directory, &store), 0);
    cr_assert_eq(query(store->db, "PRAGMA synchronous"), 2);
    cr_assert_eq(query(store->db, "PRAGMA foreign_keys"), 1);
    cr_assert_eq(query(store->db, "PRAGMA trusted_schema"), 0);
    cr_assert_eq(query(store->db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
    cr_assert_eq(query(store->db, "PRAGMA user_version"), store_migrations[n_store_migrations - 1].version);
    sample_add(store, STATUS_QUEUED, 1);
    cr_assert_eq(store_commit(store), 0);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    (void)strcat(path, "-wal");
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    (void)strcpy(path + strlen(path) - 4, "-shm"); // one agent: no shared memory
    cr_assert_eq(access(path, F_OK), -1);
    store_free(store);
}

Test(store_open, one_at_a_time) {
    Store *store;

    cr_assert_eq(store_open(directory, &store), 0);
    cr_assert_eq(try_open(), -EBUSY);
    store_free(store);
    cr_assert_eq(try_open(), 0);
}

Test(store_open, refused) {
    sqlite3 *db = open_raw();

    execute(db, "CREATE TABLE other (x)");
    (void)sqlite3_close(db);
    cr_assert_eq(try_open(), -EBADMSG, "the database of another program");

    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(try_open(), 0);
    db = open_raw();
    execute(db, "PRAGMA user_version = 9999");
    (void)sqlite3_close(db);
    cr_assert_eq(try_open(), -ENOTSUP, "a newer version");

    int fd = open(path, O_WRONLY | O_TRUNC);
    cr_assert_eq(
        write(fd, "this is no database, but it is long enough for a header, or is it not?....................", 90),
        90);
    (void)close(fd);
    cr_assert_eq(try_open(), -EBADMSG, "no database at all");

    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/nowhere", path), 0);
    cr_assert_eq(try_open(), -ELOOP);
}

Test(store_open, damaged) {
    Store *store;

    cr_assert_eq(store_open(directory, &store), 0);
    sample_add(store, STATUS_QUEUED, 100);
    cr_assert_eq(store_commit(store), 0);
    store_free(store);
    int fd = open(path, O_WRONLY);
    for (off_t offset = 4096; offset < 4096 * 30; offset += 64)
        cr_assert_eq(pwrite(fd, "garbage!", 8, offset), 8);
    (void)close(fd);
    cr_assert_eq(try_open(), -EBADMSG);
}

// ---- versions ----

static StoreMigration steps[8];

static size_t make_steps(const char *sql) {
    memcpy(steps, store_migrations, n_store_migrations * sizeof *steps);
    steps[n_store_migrations] = (StoreMigration){ store_migrations[n_store_migrations - 1].version + 1, sql };
    return n_store_migrations + 1;
}

// Every version that was ever released, with a row in it, becomes the newest.
Test(store_open, from_each_version) {
    for (size_t i = 1; i <= n_store_migrations; i++) {
        sqlite3 *db = open_raw();
        execute(db, "PRAGMA application_id = 1131377260");
        cr_assert_eq(store_migrate(db, store_migrations, i), 0);
        cr_assert_eq(query(db, "PRAGMA user_version"), store_migrations[i - 1].version);
        execute(db, "INSERT INTO parameters VALUES ('Slots', '5')");
        (void)sqlite3_close(db);

        Store *store;
        char *value = NULL;
        cr_assert_eq(store_open(directory, &store), 0);
        cr_assert_eq(store_get_parameter(store, "Slots", &value), 0);
        cr_assert_str_eq(value, "5");
        free(value);
        store_free(store);
        cr_assert_eq(unlink(path), 0);
    }
}

Test(store_open, a_step_keeps_what_is_there) {
    size_t n = make_steps("ALTER TABLE jobs ADD COLUMN extra TEXT; UPDATE jobs SET extra = 'new';");
    Store *store;

    cr_assert_eq(store_open(directory, &store), 0);
    sample_add(store, STATUS_QUEUED, 2);
    cr_assert_eq(store_commit(store), 0);
    store_free(store);

    sqlite3 *db = open_raw();
    cr_assert_eq(store_migrate(db, steps, n), 0);
    cr_assert_eq(query(db, "PRAGMA user_version"), steps[n - 1].version);
    cr_assert_eq(query(db, "SELECT count(*) FROM jobs WHERE extra = 'new' AND owner = 'alice'"), 1);
    cr_assert_eq(query(db, "SELECT count(*) FROM tasks"), 2);
    cr_assert_eq(store_migrate(db, steps, n), 0); // nothing to do
    (void)sqlite3_close(db);
    cr_assert_eq(try_open(), -ENOTSUP); // this program does not know that step
}

Test(store_open, a_step_that_fails_is_taken_back) {
    size_t n = make_steps("UPDATE jobs SET name = 'changed'; SELECT * FROM absent;");
    Store *store;

    cr_assert_eq(store_open(directory, &store), 0);
    sample_add(store, STATUS_QUEUED, 2);
    cr_assert_eq(store_commit(store), 0);
    store_free(store);

    sqlite3 *db = open_raw();
    cr_assert_lt(store_migrate(db, steps, n), 0);
    cr_assert_eq(query(db, "PRAGMA user_version"), store_migrations[n_store_migrations - 1].version);
    cr_assert_eq(query(db, "SELECT count(*) FROM jobs WHERE name = 'changed'"), 0);
    (void)sqlite3_close(db);
    cr_assert_eq(try_open(), 0);
}
