// SPDX-License-Identifier: LGPL-2.1-or-later
// Decisions of docs/decisions/0003-life-cycle.md. The intent goes into the records first and blocks every start; the
// stop begins when that is durable. The first reason stands: later cancels join.
#include "agent/cancel.h"

#include "agent/attempt.h"
#include "agent/garbage.h"
#include "agent/queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048 // 320 characters of 4 bytes, and who

static uint64_t effective_grace(const Job *job, const CancelOptions *options) {
    if (options->force)
        return 0;
    if (options->grace != RECORD_UNKNOWN)
        return options->grace;
    if (job->record.grace_period != RECORD_UNKNOWN)
        return job->record.grace_period;
    return job->agent->parameters.value[PARAMETER_CANCEL_GRACE_PERIOD];
}

// "canceled by alice: too slow"
static const char *cancel_text(char text[static TEXT_MAX], const char *actor, const char *message) {
    if (message && message[0])
        snprintf(text, TEXT_MAX, "canceled by %s: %s", actor, message);
    else
        snprintf(text, TEXT_MAX, "canceled by %s", actor);
    return text;
}

// The time stays when a cancel takes over from a requeue: from the first intent on an end is no longer the task's own.
static void set_job_intent(Job *job, Intent intent, uint64_t grace) {
    job->record.intent = intent;
    job->record.intent_grace = grace;
    if (job->record.intent_time == 0)
        job->record.intent_time = clock_boottime();
}

static void set_task_intent(Task *task, Intent intent, uint64_t grace) {
    task->record.intent = intent;
    task->record.intent_grace = grace;
    if (task->record.intent_time == 0)
        task->record.intent_time = clock_boottime();
}

static void note_cancel(Job *job, const CancelOptions *options) {
    record_set_text(&job->record.cancel_message, options->message ? options->message : "");
    record_set_text(&job->record.canceled_by, options->actor);
    job->record.cancel_time = clock_realtime();
}

// A task that does not run and shall not run any more.
static void cancel_waiting_task(Task *task, Cause cause, const char *actor, const char *message) {
    task->record.cause = cause;
    task->record.end_time = clock_realtime();
    task_set_status(task, STATUS_CANCELED, cause_name(cause), actor, message);
}

// What waits is canceled now (a requeue leaves it waiting), what runs is canceling from now on. Returns how many were
// canceled.
static uint64_t sweep_tasks(Job *job, Intent intent, Cause cause, const char *actor) {
    uint64_t canceled = 0;

    for (size_t i = 0; i < job->n_tasks; i++) {
        Task *task = job->tasks[i];
        Status status = task->record.status;
        if (status == STATUS_RUNNING) {
            task_set_status(task, STATUS_CANCELING, cause_name(cause), actor, NULL);
        } else if (intent != INTENT_REQUEUE && status == STATUS_CANCELING && task->record.intent == INTENT_REQUEUE) {
            // A requeue of the task alone is under way: it shall not run again. Its time stays.
            task->record.intent = INTENT_NONE;
            task_save(task);
        } else if (intent != INTENT_REQUEUE && (status == STATUS_QUEUED || status == STATUS_NOT_SUBMITTED)) {
            cancel_waiting_task(task, cause, actor, NULL);
            canceled++;
        }
    }
    return canceled;
}

// Stops the whole job for the intent that is in its record. request: the word in the history.
static int stop_job(Job *job, Cause cause, const char *request, const char *actor, const char *message) {
    Jobs *jobs = job->agent->jobs;
    Intent intent = job->record.intent;

    int r = stop_new(job, NULL, intent, job->record.intent_grace, &job->stop);
    if (r < 0)
        return r;
    queue_remove(jobs, job);
    job->stop->receipt.tasks_canceled = sweep_tasks(job, intent, cause, actor);
    queue_settle_slots(job);
    if (job->n_attempts == 0) {
        stop_nothing_runs(job->stop);
        job->stop = NULL;
        cancel_job_stopped(job);
    } else {
        job_set_status(job, STATUS_CANCELING, request, actor, message);
    }
    return 0;
}

// A second cancel: joins. It takes over from a requeue, because a cancel beats any later start.
static void join_cancel(Job *job, const CancelOptions *options) {
    if (job->record.intent == INTENT_REQUEUE) {
        set_job_intent(job, INTENT_CANCEL, job->record.intent_grace);
        note_cancel(job, options);
        job->stop->intent = INTENT_CANCEL;
        job->stop->receipt.tasks_canceled += sweep_tasks(job, INTENT_CANCEL, CAUSE_JOB_CANCELED, options->actor);
        job_save(job);
        job_note(job, "cancelRequested", options->actor, options->message);
    }
    if (options->force && !job->stop->force) {
        job->record.intent_grace = 0;
        job_save(job);
        job_note(job, "forceRequested", options->actor, options->message);
        stop_force(job->stop);
    }
}

int cancel_job(Job *job, const CancelOptions *options, Stop **ret) {
    if (job->stop) {
        join_cancel(job, options);
        *ret = job->stop;
        return 0;
    }
    set_job_intent(job, INTENT_CANCEL, effective_grace(job, options));
    note_cancel(job, options);

    // A job with nothing to stop is over within the call: the stop is found among those to settle.
    int r = stop_job(job, CAUSE_JOB_CANCELED, "cancelRequested", options->actor, options->message);
    if (r < 0)
        return r;
    *ret = job->stop ? job->stop : TAILQ_LAST(&job->agent->jobs->stops_to_settle, StopList);
    return 0;
}

static void stop_attempt(Task *task, Cause cause, const char *actor, const char *message) {
    Attempt *attempt = task->attempt;

    task_set_status(task, STATUS_CANCELING, cause_name(cause), actor, message);
    if (attempt->stop) {
        // Leftovers are being killed already: the main process has ended by itself, and that is its end.
        attempt->stop->intent = task->record.intent;
        return;
    }
    agent_store_result(task->job->agent,
                       stop_new(task->job, attempt, task->record.intent, task->record.intent_grace, &attempt->stop));
}

// Its stop, that of its job, or none.
static Stop *task_stop(const Task *task) {
    if (task->attempt && task->attempt->stop)
        return task->attempt->stop;
    return task->job->stop;
}

static void join_task_cancel(Task *task, const CancelOptions *options) {
    Stop *stop = task_stop(task);

    if (task->record.intent == INTENT_REQUEUE) {
        set_task_intent(task, INTENT_CANCEL, task->record.intent_grace);
        record_set_text(&task->record.cancel_message, options->message ? options->message : "");
        record_set_text(&task->record.canceled_by, options->actor);
        task_save(task);
        attempt_note(task->attempt, "cancelRequested", options->actor, options->message);
    }
    if (options->force && stop && !stop->force) {
        attempt_note(task->attempt, "forceRequested", options->actor, options->message);
        stop_force(stop);
    }
}

int cancel_task(Task *task, const CancelOptions *options, Stop **ret) {
    Job *job = task->job;
    Stop *stop;

    if (task->record.status == STATUS_CANCELING) {
        join_task_cancel(task, options);
        *ret = task_stop(task);
        return *ret ? 0 : -EIO;
    }
    record_set_text(&task->record.cancel_message, options->message ? options->message : "");
    record_set_text(&task->record.canceled_by, options->actor);
    if (task->record.status == STATUS_RUNNING) {
        set_task_intent(task, INTENT_CANCEL, effective_grace(job, options));
        stop_attempt(task, CAUSE_TASK_CANCELED, options->actor, options->message);
        *ret = task_stop(task);
        return *ret ? 0 : -ENOMEM;
    }

    int r = stop_new(job, NULL, INTENT_CANCEL, 0, &stop);
    if (r < 0)
        return r;
    cancel_waiting_task(task, CAUSE_TASK_CANCELED, options->actor, options->message);
    stop->receipt.tasks_canceled = 1;
    stop_nothing_runs(stop);
    if (TAILQ_EMPTY(&job->queue) && job->record.status == STATUS_RUNNING) {
        queue_remove(job->agent->jobs, job);
        queue_settle_slots(job);
        job_check_over(job);
    }
    *ret = stop;
    return 0;
}

void cancel_job_run_time(Job *job) {
    if (job->stop || job->record.status != STATUS_RUNNING)
        return;
    set_job_intent(job, INTENT_RUN_TIME,
                   job->record.grace_period != RECORD_UNKNOWN
                       ? job->record.grace_period
                       : job->agent->parameters.value[PARAMETER_CANCEL_GRACE_PERIOD]);
    log_notice("job %" PRIu64 ": its run-time limit is exceeded", job->record.id);
    agent_store_result(job->agent, stop_job(job, CAUSE_JOB_RUN_TIME, "jobRunTime", ACTOR_CORRAL, NULL));
}

void cancel_task_run_time(Attempt *attempt) {
    Task *task = attempt->task;

    if (attempt->stop || task->job->stop || task->record.status != STATUS_RUNNING)
        return;
    set_task_intent(task, INTENT_RUN_TIME, 0);
    stop_attempt(task, CAUSE_TASK_RUN_TIME, ACTOR_CORRAL, NULL);
}

// ---- requeue ----

bool requeue_would_run(const Task *task) {
    switch (task->record.status) {
    case STATUS_NOT_SUBMITTED:
    case STATUS_QUEUED:
    case STATUS_RUNNING:
    case STATUS_CANCELING:
    case STATUS_FAILED:
        return true;
    case STATUS_CANCELED:
        return task->record.cause != CAUSE_TASK_CANCELED;
    case STATUS_FINISHED:
        return false;
    }
    return false;
}

static void requeue_ended_task(Task *task, const char *actor) {
    TaskRecord *record = &task->record;

    record->cause = CAUSE_NONE;
    record->exit_code = -1;
    record->signal = 0;
    record->start_time = record->end_time = 0;
    record->intent = INTENT_NONE;
    record->intent_time = 0;
    record_set_text(&record->error_message, NULL);
    record_set_text(&record->cancel_message, NULL);
    record_set_text(&record->canceled_by, NULL);
    task_set_status(task, STATUS_QUEUED, "requeued", actor, NULL);
    task_enqueue(task);
}

// The run is over: its cgroup is left behind, the next run gets a new one.
static void leave_run(Job *job) {
    char path[ATTEMPT_NAME_MAX];

    job->run_time_source = sd_event_source_disable_unref(job->run_time_source);
    if (!job->cgroup)
        return;
    job->cgroup = cgroup_free(job->cgroup);
    snprintf(path, sizeof path, "%" PRIu64 ".%u", job->record.id, job->record.runs);
    garbage_add_cgroup(job->agent->garbage, path);
}

static void requeue_record(Job *job, const char *actor) {
    Jobs *jobs = job->agent->jobs;
    JobRecord *record = &job->record;

    leave_run(job);
    jobs_keep(job);
    record->runs++;
    record->queue_order = queue_order_first(jobs);
    record->cause = CAUSE_NONE;
    record->intent = INTENT_NONE;
    record->intent_time = 0;
    record->start_time = record->end_time = record->cancel_time = 0;
    record->submit_time = clock_realtime();
    record_set_text(&record->error_message, NULL);
    record_set_text(&record->cancel_message, NULL);
    record_set_text(&record->canceled_by, NULL);
    job_set_status(job, STATUS_QUEUED, "requeued", actor, NULL);
    queue_settle_slots(job);
    queue_insert(jobs, job);
}

static void requeue_finish(Job *job, const char *actor) {
    requeue_record(job, actor);
    for (size_t i = 0; i < job->n_tasks; i++) {
        Task *task = job->tasks[i];
        if (status_is_terminal(task->record.status) && requeue_would_run(task))
            requeue_ended_task(task, actor);
    }
}

void cancel_job_stopped(Job *job) {
    char text[TEXT_MAX], by[64]; // a copy: the record's own is about to change

    snprintf(by, sizeof by, "%s", job->record.canceled_by ? job->record.canceled_by : ACTOR_CORRAL);

    switch (job->record.intent) {
    case INTENT_REQUEUE:
        requeue_finish(job, by);
        break;
    case INTENT_RUN_TIME:
        job_end(job, STATUS_CANCELED, CAUSE_JOB_RUN_TIME, "the job's run-time limit was exceeded", ACTOR_CORRAL);
        break;
    case INTENT_CANCEL:
    case INTENT_NONE:
        job_end(job, STATUS_CANCELED, CAUSE_JOB_CANCELED, cancel_text(text, by, job->record.cancel_message), by);
        break;
    }
}

int requeue_job(Job *job, const char *actor, Stop **ret) {
    *ret = NULL;
    if (job->record.status != STATUS_RUNNING) {
        requeue_finish(job, actor);
        return 0;
    }
    set_job_intent(job, INTENT_REQUEUE,
                   job->record.grace_period != RECORD_UNKNOWN
                       ? job->record.grace_period
                       : job->agent->parameters.value[PARAMETER_CANCEL_GRACE_PERIOD]);
    record_set_text(&job->record.canceled_by, actor);
    int r = stop_job(job, CAUSE_REQUEUED, "requeued", actor, NULL);
    if (r < 0)
        return r;
    *ret = job->stop ? job->stop : TAILQ_LAST(&job->agent->jobs->stops_to_settle, StopList);
    return 0;
}

int requeue_task(Task *task, const char *actor, Stop **ret) {
    Job *job = task->job;

    *ret = NULL;
    if (task->record.status == STATUS_RUNNING) {
        set_task_intent(task, INTENT_REQUEUE, effective_grace(job, &(CancelOptions){ .grace = RECORD_UNKNOWN }));
        record_set_text(&task->record.canceled_by, actor);
        stop_attempt(task, CAUSE_REQUEUED, actor, NULL);
        *ret = task_stop(task);
        return *ret ? 0 : -ENOMEM;
    }
    if (status_is_terminal(job->record.status))
        requeue_record(job, actor);
    requeue_ended_task(task, actor);
    queue_insert(job->agent->jobs, job);
    return 0;
}

// ---- after a restart of the agent ----

// What is left of a grace period that began with the intent.
static uint64_t grace_left(uint64_t intent_time, uint64_t grace) {
    uint64_t now = clock_boottime();

    if (now < intent_time) // of an earlier boot
        return 0;
    return intent_time + grace > now ? intent_time + grace - now : 0;
}

static void resume_task(Task *task) {
    Attempt *attempt = task->attempt;

    if (task->record.intent == INTENT_NONE || !attempt || attempt->stop)
        return;
    attempt_note(attempt, "cancelResumed", ACTOR_CORRAL, "an earlier agent did not complete it");
    agent_store_result(task->job->agent,
                       stop_new(task->job, attempt, task->record.intent,
                                grace_left(task->record.intent_time, task->record.intent_grace), &attempt->stop));
}

int cancel_resume(Job *job) {
    if (job->record.status == STATUS_CANCELING && !job->stop) {
        job_note(job, "cancelResumed", ACTOR_CORRAL, "an earlier agent did not complete it");
        int r = stop_new(job, NULL, job->record.intent, grace_left(job->record.intent_time, job->record.intent_grace),
                         &job->stop);
        if (r < 0)
            return r;
        if (job->n_attempts == 0) {
            stop_nothing_runs(job->stop);
            job->stop = NULL;
            cancel_job_stopped(job);
        }
        return 0;
    }
    for (size_t i = 0; i < job->n_tasks; i++)
        resume_task(job->tasks[i]);
    return 0;
}
