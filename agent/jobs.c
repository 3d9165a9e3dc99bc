// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/jobs.h"

#include "agent/attempt.h"
#include "agent/cancel.h"
#include "agent/garbage.h"
#include "agent/journal.h"
#include "agent/queue.h"
#include "agent/rules.h"
#include "agent/stop.h"
#include "agent/verdict.h"
#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

static int compare_jobs(const void *a, const void *b) {
    const Job *left = a, *right = b;

    return left->record.id < right->record.id ? -1 : left->record.id > right->record.id;
}

int jobs_new(Agent *agent, Jobs **ret) {
    Jobs *jobs = calloc(1, sizeof *jobs);

    if (!jobs)
        return -ENOMEM;
    jobs->agent = agent;
    for (int priority = 0; priority <= _PRIORITY_LAST; priority++) {
        TAILQ_INIT(&jobs->waiting[priority]);
        TAILQ_INIT(&jobs->growing[priority]);
    }
    TAILQ_INIT(&jobs->launches);
    TAILQ_INIT(&jobs->stops);
    TAILQ_INIT(&jobs->stops_to_begin);
    TAILQ_INIT(&jobs->stops_to_settle);
    TAILQ_INIT(&jobs->over);
    int r = store_queue_bounds(agent->store, &jobs->first_order, &jobs->last_order);
    if (r < 0) {
        free(jobs);
        return r;
    }
    *ret = jobs;
    return 0;
}

static Job *job_free(Job *job) {
    Jobs *jobs = job->agent->jobs;

    while (!TAILQ_EMPTY(&job->attempts))
        attempt_free(TAILQ_FIRST(&job->attempts));
    stop_free(job->stop);
    queue_remove(jobs, job);
    if (job->over)
        TAILQ_REMOVE(&jobs->over, job, over_entry);
    for (size_t i = 0; i < job->n_tasks; i++) {
        task_record_deinit(&job->tasks[i]->record);
        free(job->tasks[i]);
    }
    free(job->tasks);
    cgroup_free(job->cgroup);
    sd_event_source_disable_unref(job->run_time_source);
    jobs->slots_in_use -= job->slots;
    if (tdelete(job, &jobs->by_id, compare_jobs))
        jobs->n_jobs--;
    job_record_deinit(&job->record);
    free(job);
    return NULL;
}

Jobs *jobs_free(Jobs *jobs) {
    if (!jobs)
        return NULL;
    while (jobs->by_id)
        job_free(*(Job **)jobs->by_id);
    while (!TAILQ_EMPTY(&jobs->stops))
        stop_free(TAILQ_FIRST(&jobs->stops));
    sd_event_source_disable_unref(jobs->launch_source);
    free(jobs);
    return NULL;
}

Job *jobs_find(const Jobs *jobs, uint64_t id) {
    const Job key = { .record.id = id };
    Job *const *found = tfind(&key, &jobs->by_id, compare_jobs);

    return found ? *found : NULL;
}

typedef struct Walk {
    void (*visit)(Job *job, void *userdata);
    void *userdata;
} Walk;

static void walk_node(const void *node, VISIT which, void *userdata) {
    const Walk *walk = userdata;

    if (which == postorder || which == leaf) // once for each, in order
        walk->visit(*(Job *const *)node, walk->userdata);
}

void jobs_walk(const Jobs *jobs, void (*visit)(Job *job, void *userdata), void *userdata) {
    twalk_r(jobs->by_id, walk_node, &(Walk){ visit, userdata });
}

Task *job_find_task(const Job *job, uint32_t task) {
    return task >= 1 && task <= job->n_tasks ? job->tasks[task - 1] : NULL;
}

int jobs_insert(Jobs *jobs, JobRecord *record, Job **ret) {
    Job *job = calloc(1, sizeof *job);

    if (!job)
        return -ENOMEM;
    job->agent = jobs->agent;
    job->record = *record;
    TAILQ_INIT(&job->queue);
    TAILQ_INIT(&job->attempts);
    if (!tsearch(job, &jobs->by_id, compare_jobs)) {
        free(job);
        return -ENOMEM;
    }
    *record = (JobRecord){ 0 };
    jobs->n_jobs++;
    *ret = job;
    return 0;
}

int job_insert_task(Job *job, TaskRecord *record, Task **ret) {
    assert(record->id == job->n_tasks + 1);

    if (job->n_tasks == job->n_tasks_allocated) {
        size_t allocated = job->n_tasks_allocated ? 2 * job->n_tasks_allocated : 4;
        Task **tasks = reallocarray(job->tasks, allocated, sizeof *tasks);
        if (!tasks)
            return -ENOMEM;
        job->tasks = tasks;
        job->n_tasks_allocated = allocated;
    }
    Task *task = calloc(1, sizeof *task);
    if (!task)
        return -ENOMEM;
    task->job = job;
    task->record = *record;
    *record = (TaskRecord){ 0 };
    job->tasks[job->n_tasks++] = task;
    job->counts[task->record.status]++;
    if (task->record.status == STATUS_QUEUED)
        TAILQ_INSERT_TAIL(&job->queue, task, queue_entry);
    if (ret)
        *ret = task;
    return 0;
}

static int load_task(TaskRecord *record, void *userdata) {
    return job_insert_task(userdata, record, NULL);
}

int jobs_load(Jobs *jobs, uint64_t id, Job **ret) {
    JobRecord record;
    Job *job = jobs_find(jobs, id);

    if (job) {
        *ret = job;
        return 0;
    }
    int r = store_get_job(jobs->agent->store, id, &record);
    if (r < 0)
        return r;
    bool over = status_is_terminal(record.status);
    r = jobs_insert(jobs, &record, &job);
    job_record_deinit(&record);
    if (r < 0)
        return r;
    r = store_walk_tasks(jobs->agent->store, &(StoreFilter){ .job = id, .owner_uid = -1 }, load_task, job);
    if (r < 0) {
        job_free(job);
        return r;
    }
    if (over) {
        job->over = true;
        TAILQ_INSERT_TAIL(&jobs->over, job, over_entry);
    }
    *ret = job;
    return 0;
}

void jobs_keep(Job *job) {
    if (!job->over)
        return;
    job->over = false;
    TAILQ_REMOVE(&job->agent->jobs->over, job, over_entry);
}

void record_set_text(char **field, const char *text) {
    free(*field);
    *field = text ? strdup(text) : NULL;
}

static void add_history(Agent *agent, const HistoryRecord *entry) {
    HistoryRecord timed = *entry;
    uint64_t sequence;

    timed.time = clock_realtime();
    agent_store_result(agent, store_add_history(agent->store, &timed, &sequence));
}

void job_save(Job *job) {
    agent_store_result(job->agent, store_update_job(job->agent->store, &job->record));
}

void task_save(Task *task) {
    agent_store_result(task->job->agent, store_update_task(task->job->agent->store, &task->record));
}

void job_note(Job *job, const char *cause, const char *actor, const char *message) {
    add_history(job->agent, &(HistoryRecord){ .job = job->record.id,
                                              .run = job->record.runs,
                                              .from = (int)job->record.status,
                                              .to = job->record.status,
                                              .cause = cause,
                                              .actor = actor,
                                              .message = message });
}

void attempt_note(Attempt *attempt, const char *cause, const char *actor, const char *message) {
    const TaskRecord *task = &attempt->task->record;

    add_history(attempt->task->job->agent, &(HistoryRecord){ .job = task->job,
                                                             .task = task->id,
                                                             .run = attempt->record.key.run,
                                                             .attempt = attempt->record.key.attempt,
                                                             .from = (int)task->status,
                                                             .to = task->status,
                                                             .cause = cause,
                                                             .actor = actor,
                                                             .message = message });
}

void job_set_status(Job *job, Status status, const char *cause, const char *actor, const char *message) {
    Status from = job->record.status;

    assert(job_may_become(from, status));
    job->record.status = status;
    log_debug("job %llu: %s -> %s (%s)", (unsigned long long)job->record.id, status_name(from), status_name(status),
              cause);
    job_save(job);
    add_history(job->agent, &(HistoryRecord){ .job = job->record.id,
                                              .run = job->record.runs,
                                              .from = (int)from,
                                              .to = status,
                                              .cause = cause,
                                              .actor = actor,
                                              .message = message });
}

void task_set_status(Task *task, Status status, const char *cause, const char *actor, const char *message) {
    Status from = task->record.status;

    assert(task_may_become(from, status));
    if (from == STATUS_QUEUED)
        task_dequeue(task);
    task->job->counts[from]--;
    task->job->counts[status]++;
    task->record.status = status;
    task_save(task);
    add_history(task->job->agent, &(HistoryRecord){ .job = task->record.job,
                                                    .task = task->record.id,
                                                    .run = task->job->record.runs,
                                                    .attempt = task->record.attempt,
                                                    .from = (int)from,
                                                    .to = status,
                                                    .cause = cause,
                                                    .actor = actor,
                                                    .message = message });
}

void task_enqueue(Task *task) {
    Task *other;

    // Tasks run in the order added, also those that wait again: nearly always the place is at one of the ends.
    TAILQ_FOREACH_REVERSE (other, &task->job->queue, TaskList, queue_entry)
        if (other->record.id < task->record.id)
            break;
    if (other)
        TAILQ_INSERT_AFTER(&task->job->queue, other, task, queue_entry);
    else
        TAILQ_INSERT_HEAD(&task->job->queue, task, queue_entry);
}

void task_dequeue(Task *task) {
    TAILQ_REMOVE(&task->job->queue, task, queue_entry);
}

void job_check_over(Job *job) {
    char text[128];
    uint64_t failed = job->counts[STATUS_FAILED];

    if (job->record.status != STATUS_RUNNING || job->stop || job->n_attempts > 0 || !TAILQ_EMPTY(&job->queue))
        return;
    snprintf(text, sizeof text, "%llu of %zu tasks failed", (unsigned long long)failed, job->n_tasks);
    job_end(job, verdict_job(failed), failed > 0 ? CAUSE_TASK_FAILED : CAUSE_EXITED, failed > 0 ? text : NULL,
            ACTOR_CORRAL);
}

void job_end(Job *job, Status status, Cause cause, const char *error_message, const char *actor) {
    Jobs *jobs = job->agent->jobs;
    char path[ATTEMPT_NAME_MAX];

    assert(status_is_terminal(status) && job->n_attempts == 0);
    job->record.cause = cause;
    job->record.end_time = clock_realtime();
    job->record.intent = INTENT_NONE;
    job->record.intent_time = 0;
    record_set_text(&job->record.error_message, error_message);
    job_set_status(job, status, cause_name(cause), actor, error_message);
    if (status != STATUS_FINISHED)
        journal_job(job, status == STATUS_FAILED ? EVENT_JOB_FAILED : EVENT_JOB_CANCELED, error_message);

    queue_remove(jobs, job);
    queue_settle_slots(job);
    job->run_time_source = sd_event_source_disable_unref(job->run_time_source);
    if (job->cgroup) {
        job->cgroup = cgroup_free(job->cgroup);
        snprintf(path, sizeof path, "%llu.%u", (unsigned long long)job->record.id, job->record.runs);
        garbage_add_cgroup(job->agent->garbage, path);
    }
    job->over = true;
    TAILQ_INSERT_TAIL(&jobs->over, job, over_entry);
}

void jobs_drop_over(Jobs *jobs) {
    while (!TAILQ_EMPTY(&jobs->over))
        job_free(TAILQ_FIRST(&jobs->over));
}

static int on_run_time(sd_event_source *source, uint64_t usec, void *userdata) {
    Job *job = userdata;

    (void)source;
    (void)usec;
    cancel_job_run_time(job);
    return 0;
}

void job_arm_run_time(Job *job) {
    uint64_t limit = job->record.run_time_limit;
    uint64_t now = clock_realtime();

    if (limit == RECORD_INFINITE || job->run_time_source)
        return;
    uint64_t used = now > job->record.start_time ? now - job->record.start_time : 0;
    int r = sd_event_add_time_relative(job->agent->event, &job->run_time_source, CLOCK_BOOTTIME,
                                       limit > used ? limit - used : 0, 0, on_run_time, job);
    if (r < 0)
        log_errno(LOG_ERR, r, "job %llu: cannot set the timer of its run-time limit",
                  (unsigned long long)job->record.id);
}

uint32_t jobs_slots_in_use(const Jobs *jobs) {
    return jobs->slots_in_use;
}

int jobs_pending_reason(const Jobs *jobs, uint64_t id, char *ret, size_t size) {
    const Job *job = jobs_find(jobs, id);

    if (!job || TAILQ_EMPTY(&job->queue) || job->n_attempts > 0)
        return -ENOENT;
    if (agent_held(jobs->agent)) {
        snprintf(ret, size, "%s", agent_held(jobs->agent));
        return 0;
    }
    if (job->record.status != STATUS_QUEUED)
        return -ENOENT;
    uint64_t total = jobs->agent->parameters.value[PARAMETER_SLOTS];
    for (int priority = _PRIORITY_LAST; priority >= (int)job->record.priority; priority--) {
        const Job *first = TAILQ_FIRST(&jobs->waiting[priority]);
        if (first && first != job) {
            snprintf(ret, size, "%s",
                     priority > (int)job->record.priority ? "a job of higher priority goes first"
                                                          : "a job submitted earlier goes first");
            return 0;
        }
        if (first)
            break;
    }
    snprintf(ret, size, "%u of %llu slots are in use, %u needed", jobs->slots_in_use, (unsigned long long)total,
             job->record.min_slots);
    return 0;
}

int jobs_stuck(const Jobs *jobs, uint64_t id, json_t **ret) {
    const Job *job = jobs_find(jobs, id);
    const Attempt *attempt;

    *ret = NULL;
    if (!job)
        return 0;
    if (job->stop && job->stop->stuck)
        return stop_stuck_processes(job->stop, ret);
    TAILQ_FOREACH (attempt, &job->attempts, entry)
        if (attempt->stop && attempt->stop->stuck)
            return stop_stuck_processes(attempt->stop, ret);
    return 0;
}
