// SPDX-License-Identifier: LGPL-2.1-or-later
// Two lists for each priority, both in queue order: jobs that wait, and running jobs that have tasks that wait. A job
// that waits and does not fit keeps everybody behind it from taking a free slot, but not from using the slots that they
// have. Running jobs without waiting tasks are in no list and cost nothing here.
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
    struct JobList *list = job->record.status == STATUS_QUEUED ? &jobs->waiting[job->record.priority]
                                                               : &jobs->growing[job->record.priority];
    Job *other;

    if (job->rank == list)
        return;
    queue_remove(jobs, job);
    job->rank = list;
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
    (void)jobs;
    if (!job->rank)
        return;
    TAILQ_REMOVE(job->rank, job, rank_entry);
    job->rank = NULL;
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
    queue_insert(job->agent->jobs, job);
    job_arm_run_time(job);
}

// Starts as many waiting tasks as the job's slots allow, and with may_grow the free ones too. False when it had to
// leave one waiting for a slot that nobody has to spare.
static bool start_tasks(Jobs *jobs, Job *job, bool may_grow) {
    uint32_t max = queue_slots_max(job);
    Task *task;

    while ((task = TAILQ_FIRST(&job->queue)) != NULL && job->n_attempts < max) {
        if (job->n_attempts >= job->slots) {
            if (!may_grow || slots_free(jobs) == 0)
                return false;
            reserve(job, job->slots + 1);
        }
        attempt_start(task);
    }
    return true;
}

static void run_job(Jobs *jobs, Job *job, bool *blocked) {
    if (!start_tasks(jobs, job, !*blocked))
        *blocked = true;
    if (TAILQ_EMPTY(&job->queue)) {
        queue_remove(jobs, job);
        queue_settle_slots(job);
        job_check_over(job);
    }
}

// Both lists of a priority as one, in queue order; once it is blocked only the running ones.
static void run_priority(Jobs *jobs, int priority, bool *blocked) {
    Job *running = TAILQ_FIRST(&jobs->growing[priority]), *waiting = TAILQ_FIRST(&jobs->waiting[priority]), *job;

    while (running || (waiting && !*blocked)) {
        if (waiting && !*blocked && (!running || waiting->record.queue_order < running->record.queue_order)) {
            job = waiting;
            waiting = TAILQ_NEXT(waiting, rank_entry);
            if (slots_free(jobs) < slots_min(job)) {
                *blocked = true;
                continue;
            }
            start_job(job);
        } else {
            job = running;
            running = TAILQ_NEXT(running, rank_entry);
        }
        run_job(jobs, job, blocked);
    }
}

bool queue_may_start(const Jobs *jobs) {
    for (int priority = 0; priority <= _PRIORITY_LAST; priority++)
        if (!TAILQ_EMPTY(&jobs->growing[priority]) || (!TAILQ_EMPTY(&jobs->waiting[priority]) && slots_free(jobs) > 0))
            return true;
    return false;
}

void queue_run(Jobs *jobs) {
    bool blocked = false;

    for (int priority = _PRIORITY_LAST; priority >= 0; priority--)
        run_priority(jobs, priority, &blocked);
}
