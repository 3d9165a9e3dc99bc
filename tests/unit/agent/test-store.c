// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/store.h"

#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const char *directory;
static Store *store;

static void setup(void) {
    directory = scratch_make();
    cr_assert_eq(store_open(directory, &store), 0);
}

static void teardown(void) {
    store = store_free(store);
    scratch_remove();
}

static void reopen(void) {
    store = store_free(store);
    cr_assert_eq(store_open(directory, &store), 0);
}

TestSuite(store, .init = setup, .fini = teardown);

static void same_text(const char *a, const char *b) {
    cr_assert_eq(!a, !b);
    if (a)
        cr_assert_str_eq(a, b);
}

// ---- what is written is read ----

static void same_job(const JobRecord *a, const JobRecord *b) {
    same_text(a->name, b->name);
    same_text(a->owner, b->owner);
    same_text(a->user, b->user);
    same_text(a->error_message, b->error_message);
    same_text(a->cancel_message, b->cancel_message);
    same_text(a->canceled_by, b->canceled_by);
    cr_assert_eq(a->id, b->id);
    cr_assert_eq(a->status, b->status);
    cr_assert_eq(a->cause, b->cause);
    cr_assert_eq(a->owner_uid, b->owner_uid);
    cr_assert_eq(a->user_uid, b->user_uid);
    cr_assert_eq(a->priority, b->priority);
    cr_assert_eq(a->min_slots, b->min_slots);
    cr_assert_eq(a->max_slots, b->max_slots);
    cr_assert_eq(a->run_time_limit, b->run_time_limit);
    cr_assert_eq(a->grace_period, b->grace_period);
    cr_assert_eq(a->queue_order, b->queue_order);
    cr_assert_eq(a->runs, b->runs);
    cr_assert_eq(a->tasks, b->tasks);
    cr_assert_eq(a->cancel_time, b->cancel_time);
    cr_assert_eq(a->intent, b->intent);
    cr_assert_eq(a->intent_grace, b->intent_grace);
    cr_assert_eq(a->intent_time, b->intent_time);
    cr_assert_eq(a->create_time, b->create_time);
    cr_assert_eq(a->submit_time, b->submit_time);
    cr_assert_eq(a->start_time, b->start_time);
    cr_assert_eq(a->end_time, b->end_time);
}

static void expect_job(const JobRecord *expected) {
    JobRecord found;

    cr_assert_eq(store_get_job(store, expected->id, &found), 0);
    same_job(&found, expected);
    job_record_deinit(&found);
}

Test(store, jobs) {
    AUTO_JSON json_t *spec = sample_json("{\"name\":\"x\",\"tasks\":[{\"command\":[\"a\"]}],\"umask\":7}");
    AUTO_JSON json_t *without_tasks = sample_json("{\"name\":\"x\",\"umask\":7}");
    AUTO_JSON json_t *found = NULL;
    JobRecord job = sample_job();

    cr_assert_eq(store_add_job(store, &job, spec, &job.id), 0);
    cr_assert_eq(job.id, 1);
    expect_job(&job);
    cr_assert_eq(store_get_job_spec(store, job.id, &found), 0);
    cr_assert(json_equal(found, without_tasks));
    cr_assert_eq(store_get_job_spec(store, 2, &found), -ENOENT);

    job.status = STATUS_CANCELING;
    job.cause = CAUSE_SYSTEM_ERROR;
    job.priority = PRIORITY_HIGHEST;
    job.min_slots = job.max_slots = 77;
    job.run_time_limit = job.cancel_time = job.intent_time = job.submit_time = job.start_time = job.end_time = 78;
    job.grace_period = job.intent_grace = RECORD_UNKNOWN;
    job.queue_order = INT64_MIN;
    job.runs = job.tasks = UINT32_MAX;
    job.intent = INTENT_REQUEUE;
    free(job.error_message);
    job.error_message = NULL;
    free(job.cancel_message);
    job.cancel_message = strdup("geändert");
    free(job.canceled_by);
    job.canceled_by = NULL;
    cr_assert_eq(store_update_job(store, &job), 0);
    expect_job(&job);
    cr_assert_eq(store_commit(store), 0);
    reopen();
    expect_job(&job);

    JobRecord other = { .id = 5 };
    cr_assert_eq(store_update_job(store, &other), -ENOENT);
    cr_assert_eq(store_get_job(store, 5, &other), -ENOENT);
    job_record_deinit(&job);
}

static void expect_task(const TaskRecord *expected) {
    TaskRecord found;

    cr_assert_eq(store_get_task(store, expected->job, expected->id, &found), 0);
    same_text(found.name, expected->name);
    same_text(found.error_message, expected->error_message);
    same_text(found.cancel_message, expected->cancel_message);
    same_text(found.canceled_by, expected->canceled_by);
    cr_assert_eq(found.job, expected->job);
    cr_assert_eq(found.id, expected->id);
    cr_assert_eq(found.status, expected->status);
    cr_assert_eq(found.cause, expected->cause);
    cr_assert_eq(found.exit_code, expected->exit_code);
    cr_assert_eq(found.signal, expected->signal);
    cr_assert_eq(found.attempt, expected->attempt);
    cr_assert_eq(found.rerunnable, expected->rerunnable);
    cr_assert_eq(found.run_time_limit, expected->run_time_limit);
    cr_assert_eq(found.intent, expected->intent);
    cr_assert_eq(found.intent_grace, expected->intent_grace);
    cr_assert_eq(found.intent_time, expected->intent_time);
    cr_assert_eq(found.create_time, expected->create_time);
    cr_assert_eq(found.start_time, expected->start_time);
    cr_assert_eq(found.end_time, expected->end_time);
    task_record_deinit(&found);
}

Test(store, tasks) {
    AUTO_JSON json_t *spec = sample_json(SAMPLE_SPEC), *found = NULL;
    uint64_t job = sample_add(store, STATUS_QUEUED, 0);
    TaskRecord task = sample_task(job, 1), absent = { .job = job, .id = 2 };

    cr_assert_eq(store_add_task(store, &task, spec), 0);
    expect_task(&task);
    cr_assert_eq(store_get_task_spec(store, job, 1, &found), 0);
    cr_assert(json_equal(found, spec));
    task.status = STATUS_FAILED;
    task.cause = CAUSE_SIGNALED;
    task.exit_code = 255;
    task.signal = 0;
    task.attempt = 99;
    task.intent = INTENT_NONE;
    task.intent_grace = task.intent_time = task.start_time = task.end_time = 55;
    free(task.canceled_by);
    task.canceled_by = NULL;
    cr_assert_eq(store_update_task(store, &task), 0);
    cr_assert_eq(store_commit(store), 0);
    reopen();
    expect_task(&task);
    cr_assert_eq(store_update_task(store, &absent), -ENOENT);
    cr_assert_eq(store_get_task(store, job, 2, &absent), -ENOENT);
    cr_assert_eq(store_get_task_spec(store, job, 2, &found), -ENOENT);
    task_record_deinit(&task);
}

static void expect_attempt(const AttemptRecord *expected) {
    AttemptRecord found;

    cr_assert_eq(store_get_attempt(store, expected->key.job, expected->key.task, expected->key.attempt, &found), 0);
    cr_assert_eq(memcmp(&found.key, &expected->key, sizeof found.key), 0);
    same_text(found.error_message, expected->error_message);
    same_text(found.evidence, expected->evidence);
    cr_assert_str_eq(found.boot_id, expected->boot_id);
    cr_assert_eq(found.status, expected->status);
    cr_assert_eq(found.cause, expected->cause);
    cr_assert_eq(found.exited, expected->exited);
    cr_assert_eq(found.wait_status, expected->wait_status);
    cr_assert_eq(found.start_time, expected->start_time);
    cr_assert_eq(found.end_time, expected->end_time);
    cr_assert_eq(found.cgroup_id, expected->cgroup_id);
    cr_assert_eq(found.user_time, expected->user_time);
    cr_assert_eq(found.system_time, expected->system_time);
    cr_assert_eq(found.memory_peak, expected->memory_peak);
    cr_assert_eq(found.max_resident, expected->max_resident);
    cr_assert_eq(found.process_peak, expected->process_peak);
    cr_assert_eq(found.processes_killed, expected->processes_killed);
    cr_assert_eq(found.stdout_kept, expected->stdout_kept);
    cr_assert_eq(found.stdout_dropped, expected->stdout_dropped);
    cr_assert_eq(found.stderr_kept, expected->stderr_kept);
    cr_assert_eq(found.stderr_dropped, expected->stderr_dropped);
    attempt_record_deinit(&found);
}

Test(store, attempts) {
    uint64_t job = sample_add(store, STATUS_QUEUED, 1), cpu;
    AttemptRecord attempt = sample_attempt(job, 1, 1), absent = { .key = { .job = job, .task = 1, .attempt = 9 } };

    cr_assert_eq(store_add_attempt(store, &attempt), 0);
    expect_attempt(&attempt);
    cr_assert_eq(store_job_cpu_time(store, job, &cpu), 0);
    cr_assert_eq(cpu, 7);
    attempt.status = STATUS_FAILED;
    attempt.cause = CAUSE_OUT_OF_MEMORY;
    attempt.exited = false;
    attempt.wait_status = -1;
    attempt.start_time = attempt.end_time = 60;
    attempt.cgroup_id = 61;
    attempt.user_time = RECORD_UNKNOWN;
    attempt.system_time = 62;
    attempt.memory_peak = attempt.max_resident = attempt.process_peak = attempt.processes_killed = 63;
    attempt.stdout_kept = attempt.stdout_dropped = attempt.stderr_kept = attempt.stderr_dropped = RECORD_UNKNOWN;
    free(attempt.evidence);
    attempt.evidence = NULL;
    cr_assert_eq(store_update_attempt(store, &attempt), 0);
    cr_assert_eq(store_commit(store), 0);
    reopen();
    expect_attempt(&attempt);
    cr_assert_eq(store_job_cpu_time(store, job, &cpu), 0);
    cr_assert_eq(cpu, 62);
    cr_assert_eq(store_get_attempt(store, job, 1, 9, &absent), -ENOENT);
    absent = sample_attempt(job, 1, 9);
    cr_assert_eq(store_update_attempt(store, &absent), -ENOENT);
    attempt_record_deinit(&absent);
    attempt_record_deinit(&attempt);
}

typedef struct Seen {
    uint64_t ids[64];
    size_t n;
    size_t stop_at; // 0: never
} Seen;

static int see(Seen *seen, uint64_t id) {
    seen->ids[seen->n++] = id;
    return seen->n == seen->stop_at ? 7 : 0;
}

static int see_entry(const HistoryRecord *entry, void *userdata) {
    HistoryRecord expected = sample_history(entry->job);

    cr_assert_eq(entry->time, expected.time);
    cr_assert_eq(entry->task, expected.task);
    cr_assert_eq(entry->run, expected.run);
    cr_assert_eq(entry->attempt, expected.attempt);
    cr_assert_eq(entry->from, expected.from);
    cr_assert_eq(entry->to, expected.to);
    same_text(entry->cause, expected.cause);
    same_text(entry->actor, expected.actor);
    same_text(entry->message, expected.message);
    return see(userdata, entry->sequence);
}

static size_t walk_history(uint64_t job, uint64_t after, uint32_t limit) {
    Seen seen = { 0 };

    cr_assert_eq(store_walk_history(store, job, after, limit, see_entry, &seen), 0);
    for (size_t i = 1; i < seen.n; i++)
        cr_assert_gt(seen.ids[i], seen.ids[i - 1]);
    return seen.n;
}

Test(store, history) {
    uint64_t jobs[] = { sample_add(store, STATUS_QUEUED, 0), sample_add(store, STATUS_FINISHED, 0) };
    uint64_t newest, complete_after, sequence = 0;

    cr_assert_eq(store_history_bounds(store, &newest, &complete_after), 0);
    cr_assert(newest == 0 && complete_after == 0);
    for (int i = 0; i < 10; i++) {
        HistoryRecord entry = sample_history(jobs[i % 2]);
        uint64_t before = sequence;
        cr_assert_eq(store_add_history(store, &entry, &sequence), 0);
        cr_assert_gt(sequence, before);
    }
    cr_assert_eq(walk_history(0, 0, 0), 10);
    cr_assert_eq(walk_history(0, 0, 3), 3);
    cr_assert_eq(walk_history(0, 8, 0), 2);
    cr_assert_eq(walk_history(jobs[0], 0, 0), 5);
    cr_assert_eq(walk_history(jobs[0], 5, 0), 2);
    Seen seen = { .stop_at = 2 };
    cr_assert_eq(store_walk_history(store, 0, 0, 0, see_entry, &seen), 7);
    cr_assert_eq(seen.n, 2);
    cr_assert_eq(store_commit(store), 0);

    // The job with the newest entry goes: the bounds know of it although it is gone.
    cr_assert_eq(store_remove_job(store, jobs[1]), 0);
    cr_assert_eq(walk_history(0, 0, 0), 5);
    cr_assert_eq(store_commit(store), 0);
    reopen();
    cr_assert_eq(store_history_bounds(store, &newest, &complete_after), 0);
    cr_assert(newest == 10 && complete_after == 10);
    HistoryRecord entry = sample_history(jobs[0]);
    cr_assert_eq(store_add_history(store, &entry, &sequence), 0);
    cr_assert_eq(sequence, 11);
}

Test(store, parameters) {
    char *value = NULL;

    cr_assert_eq(store_get_parameter(store, "Slots", &value), -ENOENT);
    cr_assert_eq(store_set_parameter(store, "Slots", "3"), 0);
    cr_assert_eq(store_set_parameter(store, "Slots", "4"), 0);
    cr_assert_eq(store_set_parameter(store, "KillDeadline", "1s"), 0);
    cr_assert_eq(store_commit(store), 0);
    reopen();
    cr_assert_eq(store_get_parameter(store, "Slots", &value), 0);
    cr_assert_str_eq(value, "4");
    free(value);
}

// ---- walks ----

static int see_job(JobRecord *job, void *userdata) {
    return see(userdata, job->id);
}

static int see_task(TaskRecord *task, void *userdata) {
    return see(userdata, task->id);
}

static int see_attempt(AttemptRecord *attempt, void *userdata) {
    return see(userdata, attempt->key.task * 10 + attempt->key.attempt);
}

static void expect_seen(const Seen *seen, const char *expected) {
    char text[512] = "";

    for (size_t i = 0; i < seen->n; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i ? " " : "", (int)seen->ids[i]);
    cr_assert_str_eq(text, expected);
}

static void expect_jobs(StoreFilter filter, const char *expected) {
    Seen seen = { 0 };

    cr_assert_eq(store_walk_jobs(store, &filter, see_job, &seen), 0);
    expect_seen(&seen, expected);
}

Test(store, walk_jobs) {
    const uint32_t live = 1u << STATUS_QUEUED | 1u << STATUS_RUNNING;

    for (Status status = 0; status <= _STATUS_LAST; status++)
        sample_add(store, status, 0);
    AUTO_JSON json_t *spec = sample_json("{}");
    JobRecord job = sample_job();
    job.owner_uid = 5;
    cr_assert_eq(store_add_job(store, &job, spec, &job.id), 0);

    expect_jobs((StoreFilter){ .owner_uid = -1 }, "1 2 3 4 5 6 7 8");
    expect_jobs((StoreFilter){ .owner_uid = -1, .after_job = 6 }, "7 8");
    expect_jobs((StoreFilter){ .owner_uid = -1, .limit = 2 }, "1 2");
    expect_jobs((StoreFilter){ .owner_uid = -1, .job = 4 }, "4");
    expect_jobs((StoreFilter){ .owner_uid = -1, .job = 4, .statuses = live }, "");
    expect_jobs((StoreFilter){ .owner_uid = -1, .job = 99 }, "");
    expect_jobs((StoreFilter){ .owner_uid = -1, .statuses = live }, "2 3 8");
    expect_jobs((StoreFilter){ .owner_uid = -1, .statuses = live, .after_job = 2, .limit = 1 }, "3");
    expect_jobs((StoreFilter){ .owner_uid = 5, .statuses = live }, "8");
    expect_jobs((StoreFilter){ .owner_uid = -1, .statuses = 1u << STATUS_FAILED | 1u << STATUS_QUEUED }, "2 6");
    expect_jobs((StoreFilter){ .owner_uid = 5 }, "8");
    expect_jobs((StoreFilter){ .owner_uid = 1000, .after_job = 3 }, "4 5 6 7");
    expect_jobs((StoreFilter){ .owner_uid = 1000, .statuses = 1u << STATUS_FAILED, .limit = 5 }, "6");
    expect_jobs((StoreFilter){ .owner_uid = 0 }, "");

    Seen seen = { .stop_at = 3 };
    cr_assert_eq(store_walk_jobs(store, &(StoreFilter){ .owner_uid = -1 }, see_job, &seen), 7);
    expect_seen(&seen, "1 2 3");
    expect_jobs((StoreFilter){ .owner_uid = -1, .limit = 1 }, "1"); // a walk that was cut short can begin again
    job_record_deinit(&job);
}

static int take_name(JobRecord *job, void *userdata) {
    *(char **)userdata = TAKE_PTR(job->name);
    return 0;
}

Test(store, visitors_may_keep_what_they_take) {
    char *name = NULL;

    sample_add(store, STATUS_QUEUED, 0);
    cr_assert_eq(store_walk_jobs(store, &(StoreFilter){ .owner_uid = -1 }, take_name, &name), 0);
    cr_assert_str_eq(name, "größe");
    free(name);
}

Test(store, walk_tasks_and_attempts) {
    uint64_t job = sample_add(store, STATUS_RUNNING, 5), other = sample_add(store, STATUS_FINISHED, 1);
    TaskRecord task = sample_task(job, 3);
    Seen seen = { 0 };

    task.status = STATUS_FAILED;
    cr_assert_eq(store_update_task(store, &task), 0);
    cr_assert_eq(store_walk_tasks(store, &(StoreFilter){ .job = job }, see_task, &seen), 0);
    expect_seen(&seen, "1 2 3 4 5");
    seen = (Seen){ 0 };
    cr_assert_eq(store_walk_tasks(store, &(StoreFilter){ .job = job, .after_task = 1, .limit = 2 }, see_task, &seen),
                 0);
    expect_seen(&seen, "2 3");
    seen = (Seen){ 0 };
    cr_assert_eq(
        store_walk_tasks(store, &(StoreFilter){ .job = job, .statuses = 1u << STATUS_FAILED }, see_task, &seen), 0);
    expect_seen(&seen, "3");

    for (uint32_t i = 1; i <= 4; i++) {
        AttemptRecord attempt = sample_attempt(i == 4 ? other : job, i == 3 ? 2 : 1, i);
        attempt.status = i == 2 ? STATUS_FINISHED : STATUS_RUNNING;
        cr_assert_eq(store_add_attempt(store, &attempt), 0);
        attempt_record_deinit(&attempt);
    }
    seen = (Seen){ 0 };
    cr_assert_eq(store_walk_attempts(store, job, 0, see_attempt, &seen), 0);
    expect_seen(&seen, "11 12 23");
    seen = (Seen){ 0 };
    cr_assert_eq(store_walk_attempts(store, job, 1, see_attempt, &seen), 0);
    expect_seen(&seen, "11 12");
    seen = (Seen){ 0 };
    cr_assert_eq(store_walk_running_attempts(store, see_attempt, &seen), 0);
    expect_seen(&seen, "11 23 14");
    task_record_deinit(&task);
}

// ---- counts and bounds ----

typedef uint64_t Counts[_STATUS_LAST + 1];

static void expect_counts(Counts counts, const char *expected) {
    Seen seen = { .n = _STATUS_LAST + 1 };

    memcpy(seen.ids, counts, sizeof(Counts));
    expect_seen(&seen, expected);
}

static void expect_totals(const char *jobs, const char *tasks) {
    Counts counts;

    cr_assert_eq(store_count_jobs(store, counts), 0);
    expect_counts(counts, jobs);
    cr_assert_eq(store_count_tasks(store, 0, counts), 0);
    expect_counts(counts, tasks);
}

Test(store, counts) {
    uint64_t first = sample_add(store, STATUS_QUEUED, 10), second = sample_add(store, STATUS_RUNNING, 3);
    JobRecord job;
    Counts counts;

    expect_totals("0 1 1 0 0 0 0", "0 10 3 0 0 0 0");
    cr_assert_eq(store_get_job(store, first, &job), 0);
    job.status = STATUS_CANCELED;
    cr_assert_eq(store_update_job(store, &job), 0);
    cr_assert_eq(store_update_tasks(store, first, STATUS_QUEUED, STATUS_CANCELED, CAUSE_JOB_CANCELED, 123), 0);
    expect_totals("0 0 1 0 0 0 1", "0 0 3 0 0 0 10");
    TaskRecord task;
    cr_assert_eq(store_get_task(store, first, 10, &task), 0);
    cr_assert(task.status == STATUS_CANCELED && task.cause == CAUSE_JOB_CANCELED && task.end_time == 123);
    cr_assert_eq(store_update_task(store, &task), 0); // the same once more counts nothing
    expect_totals("0 0 1 0 0 0 1", "0 0 3 0 0 0 10");
    cr_assert_eq(store_count_tasks(store, second, counts), 0);
    expect_counts(counts, "0 0 3 0 0 0 0");
    cr_assert_eq(store_commit(store), 0);

    cr_assert_eq(store_remove_job(store, first), 0);
    expect_totals("0 0 1 0 0 0 0", "0 0 3 0 0 0 0");
    store_rollback(store);
    expect_totals("0 0 1 0 0 0 1", "0 0 3 0 0 0 10");
    reopen();
    expect_totals("0 0 1 0 0 0 1", "0 0 3 0 0 0 10");
    task_record_deinit(&task);
    job_record_deinit(&job);
}

Test(store, bounds) {
    static const struct {
        Status status;
        uint64_t end;
        int64_t order;
    } rows[] = { { STATUS_FINISHED, 300, -99 },
                 { STATUS_CANCELED, 100, 99 },
                 { STATUS_QUEUED, 0, -5 },
                 { STATUS_FAILED, 200, 0 },
                 { STATUS_RUNNING, 0, 12 } };
    AUTO_JSON json_t *spec = sample_json("{}");
    uint64_t id, end;
    int64_t first, last;

    cr_assert_eq(store_oldest_ended_job(store, &id, &end), -ENOENT);
    cr_assert_eq(store_queue_bounds(store, &first, &last), 0);
    cr_assert(first == 0 && last == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        JobRecord job = sample_job();
        job.status = rows[i].status;
        job.end_time = rows[i].end;
        job.queue_order = rows[i].order;
        cr_assert_eq(store_add_job(store, &job, spec, &id), 0);
        job_record_deinit(&job);
    }
    cr_assert_eq(store_oldest_ended_job(store, &id, &end), 0);
    cr_assert(id == 2 && end == 100);
    cr_assert_eq(store_queue_bounds(store, &first, &last), 0);
    cr_assert(first == -5 && last == 12);
}

// ---- transactions ----

Test(store, rollback_and_commit) {
    JobRecord job;

    cr_assert(!store_is_dirty(store));
    cr_assert_eq(store_commit(store), 0);
    uint64_t id = sample_add(store, STATUS_QUEUED, 2);
    cr_assert(store_is_dirty(store));
    store_rollback(store);
    cr_assert(!store_is_dirty(store));
    cr_assert_eq(store_get_job(store, id, &job), -ENOENT);
    sample_add(store, STATUS_RUNNING, 1);
    cr_assert_eq(store_commit(store), 0);
    sample_add(store, STATUS_RUNNING, 1);
    reopen(); // what was not committed is gone
    expect_totals("0 0 1 0 0 0 0", "0 0 1 0 0 0 0");
}

Test(store, a_failed_write_spoils_the_turn) {
    AUTO_JSON json_t *spec = sample_json(SAMPLE_SPEC);
    TaskRecord orphan = sample_task(4711, 1);

    sample_add(store, STATUS_QUEUED, 1);
    cr_assert_eq(store_add_task(store, &orphan, spec), -EINVAL); // belongs to no job
    cr_assert_eq(store_set_parameter(store, "Slots", "1"), -EINVAL);
    cr_assert_eq(store_commit(store), -EINVAL);
    store_rollback(store);
    expect_totals("0 0 0 0 0 0 0", "0 0 0 0 0 0 0");
    sample_add(store, STATUS_QUEUED, 1);
    cr_assert_eq(store_commit(store), 0);
    reopen();
    expect_totals("0 1 0 0 0 0 0", "0 1 0 0 0 0 0");
    task_record_deinit(&orphan);
}

Test(store, what_the_enums_do_not_have_is_refused) {
    JobRecord job = sample_job();
    AUTO_JSON json_t *spec = sample_json("{}");
    uint64_t id;

    job.status = (Status)(_STATUS_LAST + 1);
    cr_assert_eq(store_add_job(store, &job, spec, &id), -EINVAL);
    store_rollback(store);
    job.status = _STATUS_LAST;
    job.cause = (Cause)(_CAUSE_LAST + 1);
    cr_assert_eq(store_add_job(store, &job, spec, &id), -EINVAL);
    job_record_deinit(&job);
}

// ---- removal ----

Test(store, remove_job) {
    uint64_t job = sample_add(store, STATUS_FINISHED, 3), other = sample_add(store, STATUS_FINISHED, 1), sequence;
    AttemptRecord attempt = sample_attempt(job, 2, 1);
    HistoryRecord entry = sample_history(job);
    AUTO_JSON json_t *spec = NULL;
    TaskRecord task;

    cr_assert_eq(store_add_attempt(store, &attempt), 0);
    cr_assert_eq(store_add_history(store, &entry, &sequence), 0);
    cr_assert_eq(store_commit(store), 0);
    cr_assert_eq(store_remove_job(store, job), 0);
    cr_assert_eq(store_commit(store), 0);
    cr_assert_eq(store_get_task(store, job, 1, &task), -ENOENT);
    cr_assert_eq(store_get_job_spec(store, job, &spec), -ENOENT);
    expect_jobs((StoreFilter){ .owner_uid = -1 }, "2");
    expect_totals("0 0 0 0 1 0 0", "0 0 0 0 1 0 0");
    cr_assert_eq(store_remove_job(store, job), -ENOENT);
    cr_assert_eq(store_remove_job(store, other), 0);
    attempt_record_deinit(&attempt);
}

Test(store, ids_are_never_used_again) {
    uint64_t id = sample_add(store, STATUS_FINISHED, 0), sequence, newer;
    HistoryRecord entry = sample_history(id);

    cr_assert_eq(store_add_history(store, &entry, &sequence), 0);
    cr_assert_eq(store_commit(store), 0);
    cr_assert_eq(store_remove_job(store, id), 0);
    cr_assert_eq(store_commit(store), 0);
    cr_assert_gt(sample_add(store, STATUS_FINISHED, 0), id);
    store_rollback(store);
    reopen();
    newer = sample_add(store, STATUS_FINISHED, 0);
    cr_assert_gt(newer, id);
    entry.job = newer;
    uint64_t before = sequence;
    cr_assert_eq(store_add_history(store, &entry, &sequence), 0);
    cr_assert_gt(sequence, before);
}
