// SPDX-License-Identifier: LGPL-2.1-or-later
// A disk that is full, made of a small tmpfs that only this process sees.
#include "agent/store.h"

#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

static const char *directory;
static char filler[128];

static void setup(void) {
    directory = scratch_make();
    (void)snprintf(filler, sizeof filler, "%s/filler", directory);
    if (unshare(CLONE_NEWNS) < 0)
        cr_skip("may not make a mount namespace");
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount("corral-unit", directory, "tmpfs", 0, "size=2m"), 0);
}

static void teardown(void) {
    (void)umount2(directory, MNT_DETACH);
    scratch_remove();
}

TestSuite(store_full, .init = setup, .fini = teardown);

static void fill(void) {
    static const char zeros[4096];
    int fd = open(filler, O_WRONLY | O_CREAT | O_APPEND, 0600);

    cr_assert_geq(fd, 0);
    while (write(fd, zeros, sizeof zeros) == sizeof zeros)
        ;
    cr_assert_eq(errno, ENOSPC);
    (void)close(fd);
}

// Adds jobs, a commit each, until one is refused. Returns how many were committed.
static uint64_t add_until_full(Store *store, int *ret_error) {
    AUTO_JSON json_t *spec = sample_json(SAMPLE_SPEC);

    for (uint64_t n = 0; n < 100000; n++) {
        JobRecord job = sample_job();
        uint64_t id;
        int r = store_add_job(store, &job, spec, &id);
        job_record_deinit(&job);
        int committed = store_commit(store);
        cr_assert(r == 0 || committed == r, "a commit succeeds after a failed write");
        if (committed < 0) {
            *ret_error = committed;
            return n;
        }
    }
    return 0;
}

static uint64_t count_jobs(Store *store) {
    uint64_t counts[_STATUS_LAST + 1], n = 0;

    cr_assert_eq(store_count_jobs(store, counts), 0);
    for (Status status = 0; status <= _STATUS_LAST; status++)
        n += counts[status];
    return n;
}

static int count_row(JobRecord *job, void *userdata) {
    (void)job;
    (*(uint64_t *)userdata)++;
    return 0;
}

static void expect_rows(Store *store, uint64_t expected) {
    uint64_t n = 0;

    cr_assert_eq(store_walk_jobs(store, &(StoreFilter){ .owner_uid = -1 }, count_row, &n), 0);
    cr_assert_eq(n, expected);
    cr_assert_eq(count_jobs(store), expected);
}

Test(store_full, no_room_and_room_again) {
    Store *store;
    int error = 0;

    cr_assert_eq(store_open(directory, &store), 0);
    sample_add(store, STATUS_QUEUED, 5);
    cr_assert_eq(store_commit(store), 0);
    fill();
    uint64_t n = 1 + add_until_full(store, &error);
    cr_assert_eq(error, -ENOSPC);
    cr_assert_eq(store_set_parameter(store, "Slots", "1"), -ENOSPC);
    store_rollback(store);
    expect_rows(store, n);
    for (int i = 0; i < 3; i++) { // it stays full, and stays usable for reading
        (void)add_until_full(store, &error);
        cr_assert_eq(error, -ENOSPC);
        store_rollback(store);
    }
    n = count_jobs(store);
    expect_rows(store, n);

    cr_assert_eq(unlink(filler), 0);
    uint64_t id = sample_add(store, STATUS_QUEUED, 20);
    cr_assert_eq(store_commit(store), 0);
    expect_rows(store, n + 1);
    store_free(store);
    cr_assert_eq(store_open(directory, &store), 0);
    expect_rows(store, n + 1);
    JobRecord job;
    cr_assert_eq(store_get_job(store, id, &job), 0);
    job_record_deinit(&job);
    store_free(store);
}

// A turn that is larger than the room: it fails before its commit, as a whole.
Test(store_full, a_large_turn) {
    Store *store;
    int r = 0;

    cr_assert_eq(store_open(directory, &store), 0);
    sample_add(store, STATUS_QUEUED, 1);
    cr_assert_eq(store_commit(store), 0);
    fill();
    AUTO_JSON json_t *spec = sample_json(SAMPLE_SPEC);
    for (uint32_t i = 2; r >= 0 && i < 100000; i++) {
        TaskRecord task = sample_task(1, i);
        r = store_add_task(store, &task, spec);
        task_record_deinit(&task);
    }
    if (r == 0)
        r = store_commit(store);
    cr_assert_eq(r, -ENOSPC);
    store_rollback(store);
    expect_rows(store, 1);
    uint64_t counts[_STATUS_LAST + 1];
    cr_assert_eq(store_count_tasks(store, 1, counts), 0);
    cr_assert_eq(counts[STATUS_QUEUED], 1);
    cr_assert_eq(unlink(filler), 0);
    sample_add(store, STATUS_QUEUED, 1);
    cr_assert_eq(store_commit(store), 0);
    store_free(store);
}

Test(store_full, cannot_be_made) {
    Store *store;

    fill();
    cr_assert_eq(store_open(directory, &store), -ENOSPC);
    cr_assert_eq(unlink(filler), 0);
    cr_assert_eq(store_open(directory, &store), 0);
    store_free(store);
}
