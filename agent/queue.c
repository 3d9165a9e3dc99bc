// SPDX-License-Identifier: LGPL-2.1-or-later
// One list for each priority, in queue order. A job is in it while it is queued, and while it is running and has tasks
// that wait: so that its tasks go before those of jobs behind it. Running jobs without waiting tasks cost nothing here.
#include "agent/queue.h"

#include "agent/attempt.h"
#include "base/clock.h"

#include <assert.h>

int64_t queue_order_last(Jobs *jobs) {
    return ++jobs->last_order;
}

int64_t queue_order_first(Jobs *jobs) {
    return --jobs->first_order;
}

void queue_insert(Jobs *jobs, Job *job) {
    struct JobList *list = &jobs->ranks[job->record.priority];
    Job *other;

    if (job->ranked)
        return;
    job->ranked = true;
    // Nearly always last or first in its class: look from both ends.
    other = TAILQ_FIRST(list);
    if (other && other->record.queue_order > job->record.queue_order) {
        TAILQ_INSERT_HEAD(list, job, rank_entry);
        return;
    }
    TAILQ_FOREACH_REVERSE (other, list, JobList, rank_entry)
        if (other->record.queue_order <= job->record.queue_order)
            break;
    if (other)
        TAILQ_INSERT_AFTER(list, other, job, rank_entry);
    else
        TAILQ_INSERT_HEAD(list, job, rank_entry);
}

void queue_remove(Jobs *jobs, Job *job) {
    if (!job->ranked)
        return;
    job->ranked = false;
    TAILQ_REMOVE(&jobs->ranks[job->record.priority], job, rank_entry);
}

static uint32_t slots_total(const Jobs *jobs) {
    return (uint32_t)jobs->agent->parameters.value[PARAMETER_SLOTS];
}

static uint32_t slots_free(const Jobs *jobs) {
    return jobs->slots_in_use < slots_total(jobs) ? slots_total(jobs) - jobs->slots_in_use : 0;
}

uint32_t queue_slots_max(const Job *job) {
    uint32_t max = job->record.max_slots;

    if (max == 0)
        max = job->n_tasks > 0 ? (uint32_t)job->n_tasks : 1;
    return max < job->record.min_slots ? job->record.min_slots : max;
}

// minSlots may have become more than the machine has (the parameter was lowered): the job gets all there are.
static uint32_t slots_min(const Job *job) {
    uint32_t total = slots_total(job->agent->jobs);

    return job->record.min_slots < total ? job->record.min_slots : total;
}

static void reserve(Job *job, uint32_t slots) {
    job->agent->jobs->slots_in_use += slots - job->slots;
    job->slots = slots;
}

void queue_settle_slots(Job *job) {
    uint32_t needed = job->n_attempts;

    if (job->record.status == STATUS_RUNNING && !TAILQ_EMPTY(&job->queue) && needed < slots_min(job))
        needed = slots_min(job);
    if (status_is_terminal(job->record.status))
        needed = 0;
    // Never grow here: what is reserved beyond the attempts was reserved when the job started.
    if (needed < job->slots)
        reserve(job, needed);
}

void queue_restore(Jobs *jobs, Job *job) {
    Status status = job->record.status;
    bool waits = !TAILQ_EMPTY(&job->queue);

    if (status == STATUS_QUEUED || (status == STATUS_RUNNING && waits))
        queue_insert(jobs, job);
    if (status == STATUS_RUNNING || status == STATUS_CANCELING)
        reserve(job, status == STATUS_RUNNING && waits && job->n_attempts < slots_min(job) ? slots_min(job)
                                                                                           : job->n_attempts);
}

static void start_job(Job *job) {
    reserve(job, slots_min(job));
    if (job->record.start_time == 0)
        job->record.start_time = clock_realtime();
    job_set_status(job, STATUS_RUNNING, "started", ACTOR_CORRAL, NULL);
    job_arm_run_time(job);
}

// Starts as many waiting tasks as the job's slots and the free ones allow. False when it had to leave one waiting for a
// slot that the machine does not have.
static bool start_tasks(Jobs *jobs, Job *job) {
    uint32_t max = queue_slots_max(job);
    Task *task;

    while ((task = TAILQ_FIRST(&job->queue)) != NULL && job->n_attempts < max) {
        if (job->n_attempts >= job->slots) {
            if (slots_free(jobs) == 0)
                return false;
            reserve(job, job->slots + 1);
        }
        attempt_start(task);
    }
    return true;
}

static void run_rank(Jobs *jobs, struct JobList *list, bool *blocked) {
    for (Job *job = TAILQ_FIRST(list), *next; job && !*blocked; job = next) {
        next = TAILQ_NEXT(job, rank_entry);
        if (job->stop)
            continue;
        if (job->record.status == STATUS_QUEUED) {
            if (slots_free(jobs) < slots_min(job)) {
                *blocked = true;
                return;
            }
            start_job(job);
        }
        *blocked = !start_tasks(jobs, job);
        if (TAILQ_EMPTY(&job->queue)) {
            queue_remove(jobs, job);
            queue_settle_slots(job);
            job_check_over(job);
        }
    }
}

void queue_run(Jobs *jobs) {
    bool blocked = false;

    for (int priority = _PRIORITY_LAST; priority >= 0 && !blocked; priority--)
        run_rank(jobs, &jobs->ranks[priority], &blocked);
}
