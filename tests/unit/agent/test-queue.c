// SPDX-License-Identifier: LGPL-2.1-or-later
// Who starts next. Nothing is launched: an attempt that has started stays until the test ends it.
#include "agent/queue.h"

#include "agent/attempt.h"
#include "tests/unit/agent/harness.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 4

static void start(void) {
    harness_start();
    harness_agent.parameters.value[PARAMETER_SLOTS] = SLOTS;
}

TestSuite(queue, .init = start, .fini = harness_stop);

// A queued job, placed last in its class.
static Job *add(Priority priority, uint32_t min, uint32_t max, uint32_t n_tasks) {
    Jobs *jobs = harness_agent.jobs;
    json_t *spec = sample_json(SAMPLE_SPEC);
    JobRecord record = { .name = strdup("job"),
                         .status = STATUS_QUEUED,
                         .owner = strdup("alice"),
                         .user = strdup("alice"),
                         .priority = priority,
                         .min_slots = min,
                         .max_slots = max,
                         .grace_period = RECORD_UNKNOWN,
                         .queue_order = queue_order_last(jobs),
                         .runs = 1,
                         .tasks = n_tasks };
    Job *job;

    cr_assert_eq(store_add_job(harness_agent.store, &record, spec, &record.id), 0);
    cr_assert_eq(jobs_insert(jobs, &record, &job), 0);
    for (uint32_t i = 1; i <= n_tasks; i++) {
        TaskRecord task = { .job = job->record.id, .id = i, .status = STATUS_QUEUED, .exit_code = -1 };
        cr_assert_eq(store_add_task(harness_agent.store, &task, spec), 0);
        cr_assert_eq(job_insert_task(job, &task, NULL), 0);
    }
    json_decref(spec);
    queue_insert(jobs, job);
    return job;
}

// The oldest running task of the job ends well.
static void end_task(Job *job) {
    Attempt *attempt = TAILQ_FIRST(&job->attempts);
    Task *task = attempt->task;

    attempt_free(attempt);
    task_set_status(task, STATUS_FINISHED, "exited", ACTOR_CORRAL, NULL);
    queue_settle_slots(job);
    job_check_over(job);
}

static void run(void) {
    queue_run(harness_agent.jobs);
    cr_assert_leq(harness_agent.jobs->slots_in_use, SLOTS);
}

#define expect_running(job, n) cr_assert_eq((job)->n_attempts, n, "%u attempts run", (job)->n_attempts)

Test(queue, priority_then_order) {
    Job *low = add(PRIORITY_LOWEST, 1, 1, 1), *first = add(PRIORITY_NORMAL, 1, 1, 1),
        *second = add(PRIORITY_NORMAL, 1, 1, 1), *high = add(PRIORITY_HIGHEST, 2, 2, 2);

    run();
    expect_running(high, 2);
    expect_running(first, 1);
    expect_running(second, 1);
    expect_running(low, 0);
    end_task(first);
    run();
    expect_running(low, 1);
}

Test(queue, tasks_in_order_up_to_max) {
    Job *job = add(PRIORITY_NORMAL, 1, 2, 3);

    run();
    expect_running(job, 2);
    cr_assert_eq(job->tasks[0]->record.status, STATUS_RUNNING);
    cr_assert_eq(job->tasks[1]->record.status, STATUS_RUNNING);
    cr_assert_eq(job->tasks[2]->record.status, STATUS_QUEUED);
    end_task(job);
    run();
    cr_assert_eq(job->tasks[2]->record.status, STATUS_RUNNING);
}

Test(queue, one_that_does_not_fit_blocks_those_behind_it) {
    Job *running = add(PRIORITY_NORMAL, 2, 2, 2);

    run();
    Job *large = add(PRIORITY_NORMAL, 3, 3, 3), *small = add(PRIORITY_NORMAL, 1, 1, 1);
    run();
    expect_running(large, 0);
    expect_running(small, 0);
    end_task(running);
    run();
    expect_running(large, 3);
    expect_running(small, 0);
    end_task(running);
    run();
    expect_running(small, 1);
}

// Jobs that hold all slots with a task waiting, behind a job that waits for a slot: they must go on with the slots they
// have.
Test(queue, running_jobs_use_their_own_slots_behind_one_that_waits) {
    Job *jobs[SLOTS];

    for (size_t i = 0; i < SLOTS; i++)
        jobs[i] = add(PRIORITY_NORMAL, 1, 1, 2);
    run();
    Job *first = add(PRIORITY_NORMAL, 1, 1, 1);
    queue_remove(harness_agent.jobs, first);
    first->record.queue_order = queue_order_first(harness_agent.jobs);
    queue_insert(harness_agent.jobs, first);
    run();
    expect_running(first, 0);
    for (size_t i = 0; i < SLOTS; i++)
        end_task(jobs[i]);
    run();
    expect_running(first, 0); // each of the others has kept its slot for its second task
    for (size_t i = 0; i < SLOTS; i++)
        expect_running(jobs[i], 1);
    end_task(jobs[0]);
    run();
    expect_running(first, 1);
}

Test(queue, a_running_job_does_not_grow_past_one_that_waits) {
    Job *running = add(PRIORITY_NORMAL, 1, 4, 4), *before = add(PRIORITY_HIGHEST, 4, 4, 4);

    queue_remove(harness_agent.jobs, before); // comes later
    running->record.max_slots = 1;
    run();
    expect_running(running, 1);
    running->record.max_slots = 4;
    queue_insert(harness_agent.jobs, before);
    run();
    expect_running(before, 0);
    expect_running(running, 1);
}

Test(queue, no_more_slots_than_the_machine_has) {
    Job *job = add(PRIORITY_NORMAL, SLOTS + 2, SLOTS + 2, SLOTS + 2);

    run();
    expect_running(job, SLOTS);
}

Test(queue, without_tasks_it_is_over_when_it_would_start) {
    Job *job = add(PRIORITY_NORMAL, 1, 0, 0);

    run();
    cr_assert_eq(job->record.status, STATUS_FINISHED);
    cr_assert_eq(harness_agent.jobs->slots_in_use, 0);
}

Test(queue, slots_come_back) {
    Job *job = add(PRIORITY_NORMAL, 2, 4, 3);

    run();
    expect_running(job, 3);
    cr_assert_eq(harness_agent.jobs->slots_in_use, 3);
    for (uint32_t left = 3; left > 0; left--) {
        end_task(job);
        cr_assert_eq(harness_agent.jobs->slots_in_use, left - 1);
    }
    cr_assert_eq(job->record.status, STATUS_FINISHED);
}
