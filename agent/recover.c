// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/recover.h"

#include "agent/attempt.h"
#include "agent/cancel.h"
#include "agent/garbage.h"
#include "agent/jobs.h"
#include "agent/journal.h"
#include "agent/queue.h"
#include "agent/records.h"
#include "agent/stop.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/shortage.h"
#include "cgroup/directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATUSES_LIVE (1u << STATUS_NOT_SUBMITTED | 1u << STATUS_QUEUED | 1u << STATUS_RUNNING | 1u << STATUS_CANCELING)

// ---- from the store into memory ----

static int take_job(JobRecord *record, void *userdata) {
    Job *job;

    return jobs_insert(userdata, record, &job);
}

static int take_task(TaskRecord *record, void *userdata) {
    return job_insert_task(userdata, record, NULL);
}

static int take_attempt(AttemptRecord *record, void *userdata) {
    Job *job = jobs_find(userdata, record->key.job);
    Task *task = job ? job_find_task(job, record->key.task) : NULL;
    Attempt *attempt;

    if (!task || task->attempt) {
        log_error("job %" PRIu64 " task %u: attempt %u is on record as running, but its task is not; ignoring it",
                  record->key.job, record->key.task, record->key.attempt);
        return 0;
    }
    return attempt_adopt(task, record, &attempt);
}

// The live jobs as an array, so that what is done to one may change the tree.
typedef struct JobArray {
    Job **jobs;
    size_t n;
} JobArray;

static void collect_job(Job *job, void *userdata) {
    JobArray *array = userdata;

    array->jobs[array->n++] = job;
}

static int load(Jobs *jobs, JobArray *array) {
    Store *store = jobs->agent->store;

    int r = store_walk_jobs(store, &(StoreFilter){ .statuses = STATUSES_LIVE, .owner_uid = -1 }, take_job, jobs);
    if (r < 0)
        return r;
    array->jobs = calloc(jobs->n_jobs + 1, sizeof *array->jobs);
    if (!array->jobs)
        return -ENOMEM;
    jobs_walk(jobs, collect_job, array);
    for (size_t i = 0; i < array->n; i++) {
        Job *job = array->jobs[i];
        r = store_walk_tasks(store, &(StoreFilter){ .job = job->record.id, .owner_uid = -1 }, take_task, job);
        if (r < 0)
            return r;
    }
    return store_walk_running_attempts(store, take_attempt, jobs);
}

// ---- what became of what was running ----

// One that cannot be opened is not one that is empty: what runs in it would be forgotten.
static int open_cgroups(Job *job) {
    char name[ATTEMPT_NAME_MAX];
    Attempt *attempt;

    if (job->n_attempts == 0 && job->record.status != STATUS_RUNNING && job->record.status != STATUS_CANCELING)
        return 0;
    if (job->agent->cgroup_jobs_fd < 0)
        return 0; // the tree has gone, and everything that ran in it
    snprintf(name, sizeof name, "%" PRIu64 ".%u", job->record.id, job->record.runs);
    int r = cgroup_open(job->agent->cgroup_jobs_fd, name, &job->cgroup);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return log_errno(LOG_ERR, r, "job %" PRIu64 ": cannot open its cgroup", job->record.id);
    TAILQ_FOREACH (attempt, &job->attempts, entry) {
        snprintf(name, sizeof name, "%u.%u", attempt->record.key.task, attempt->record.key.attempt);
        r = cgroup_open(cgroup_fd(job->cgroup), name, &attempt->cgroup);
        if (r < 0 && r != -ENOENT)
            return log_errno(LOG_ERR, r, "job %" PRIu64 ": cannot open the cgroup of task %u", job->record.id,
                             attempt->record.key.task);
    }
    return 0;
}

static bool is_populated(const Attempt *attempt) {
    CgroupEvents events;

    return attempt->cgroup && cgroup_read_events(attempt->cgroup, &events) >= 0 && events.populated;
}

static void recover_recorded(Attempt *attempt) {
    Records *records = attempt->task->job->agent->records;
    LaunchRecord record;

    int r = records_read(records, &attempt->record.key, &record);
    if (r < 0)
        log_errno(LOG_ERR, r, "job %" PRIu64 " task %u: cannot read its record", attempt->record.key.job,
                  attempt->record.key.task);
    if (is_shortage(r)) {
        records_look_again(records);
        return;
    }
    if (r < 0) {
        attempt_end_known(attempt, END_LOST, NULL);
        return;
    }
    attempt_note(attempt, "recovered", ACTOR_CORRAL, "its end was recorded while no agent ran");
    attempt_end_known(attempt, END_RECORDED, &record);
}

static void recover_attempt(Agent *agent, Attempt *attempt) {
    ClaimState state;

    if (strcmp(attempt->record.boot_id, agent->boot_id) != 0) {
        attempt_end_known(attempt, END_HOST_RESTARTED, NULL);
        return;
    }
    int r = records_claim(agent->records, &attempt->record.key, &state);
    if (r < 0) {
        log_errno(LOG_ERR, r, "job %" PRIu64 " task %u: cannot find out about its supervisor", attempt->record.key.job,
                  attempt->record.key.task);
        attempt->prevent = true;
        attempt_arm_run_time(attempt);
        records_look_again(agent->records);
        return;
    }
    switch (state) {
    case CLAIM_TAKEN:
        attempt_end_known(attempt, END_NEVER_LAUNCHED, NULL);
        break;
    case CLAIM_ALIVE:
        attempt_note(attempt, "adopted", ACTOR_CORRAL, "it ran on while no agent ran");
        attempt_arm_run_time(attempt);
        break;
    case CLAIM_RECORD:
        recover_recorded(attempt);
        break;
    case CLAIM_DEAD:
        if (is_populated(attempt))
            attempt_note(attempt, "orphanKilled", ACTOR_CORRAL, "its supervisor is dead: what is left of it is killed");
        attempt_end_known(attempt, END_LOST, NULL);
        break;
    }
}

static void recover_attempts(Agent *agent, Job *job) {
    for (size_t i = 0; i < job->n_tasks; i++)
        if (job->tasks[i]->attempt)
            recover_attempt(agent, job->tasks[i]->attempt);
}

// ---- what runs and belongs to nobody ----

static bool parse_pair(const char *name, uint64_t *first, uint32_t *second) {
    int end = 0;

    return sscanf(name, "%" SCNu64 ".%" SCNu32 "%n", first, second, &end) == 2 && name[end] == '\0';
}

static int kill_orphan(Agent *agent, int parent_fd, const char *name, const char *path) {
    AUTO_CGROUP Cgroup *cgroup = NULL;
    CgroupEvents events;
    uint64_t job;
    uint32_t run;
    Stop *stop;

    int r = cgroup_open(parent_fd, name, &cgroup);
    if (r < 0 && r != -ENOENT)
        log_errno(LOG_ERR, r, "cannot open the cgroup jobs/%s", path);
    if (r < 0)
        return is_shortage(r) ? r : 0;
    if (cgroup_read_events(cgroup, &events) >= 0 && !events.populated) {
        garbage_add_cgroup(agent->garbage, path);
        return 0;
    }
    journal_orphan(agent, path);
    JobRecord record;
    if (sscanf(path, "%" SCNu64 ".%" SCNu32, &job, &run) == 2 && store_get_job(agent->store, job, &record) >= 0) {
        agent_store_result(agent, store_add_history(agent->store,
                                                    &(HistoryRecord){ .time = clock_realtime(),
                                                                      .job = job,
                                                                      .run = run,
                                                                      .from = (int)record.status,
                                                                      .to = record.status,
                                                                      .cause = "orphanKilled",
                                                                      .actor = ACTOR_CORRAL,
                                                                      .message = path },
                                                    &(uint64_t){ 0 }));
        job_record_deinit(&record);
    }
    return stop_new_orphan(agent, &cgroup, path, &stop);
}

static bool is_of_running_attempt(const Job *job, const char *name) {
    uint64_t number;
    uint32_t attempt;
    Task *task =
        parse_pair(name, &number, &attempt) && number <= UINT32_MAX ? job_find_task(job, (uint32_t)number) : NULL;

    return task && task->attempt && task->attempt->record.key.attempt == attempt;
}

static int sweep_run(Agent *agent, int parent_fd, const char *name) {
    uint64_t id;
    uint32_t run;
    Job *job = parse_pair(name, &id, &run) ? jobs_find(agent->jobs, id) : NULL;
    char path[ATTEMPT_NAME_MAX];
    const char *entry;

    if (!job || !job->cgroup || job->record.runs != run)
        return kill_orphan(agent, parent_fd, name, name);
    AUTO_DIRECTORY DIR *dir = NULL;
    int r = directory_open(cgroup_fd(job->cgroup), ".", &dir);
    while (r >= 0 && (r = directory_next(dir, &entry)) > 0)
        if (!is_of_running_attempt(job, entry) && snprintf(path, sizeof path, "%s/%s", name, entry) < (int)sizeof path)
            r = kill_orphan(agent, dirfd(dir), entry, path);
    return r;
}

static int sweep_cgroups(Agent *agent) {
    AUTO_DIRECTORY DIR *dir = NULL;
    const char *entry;

    if (agent->cgroup_jobs_fd < 0)
        return 0;
    int r = directory_open(agent->cgroup_jobs_fd, ".", &dir);
    while (r >= 0 && (r = directory_next(dir, &entry)) > 0)
        if (strlen(entry) < ATTEMPT_NAME_MAX)
            r = sweep_run(agent, dirfd(dir), entry);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot look for orphans");
    return r;
}

static bool is_running(const AttemptKey *key, void *userdata) {
    return attempt_find(userdata, key) != NULL;
}

int recover(Agent *agent) {
    Jobs *jobs = agent->jobs;
    JobArray array = { 0 };

    int r = load(jobs, &array);
    for (size_t i = 0; r >= 0 && i < array.n; i++) {
        r = open_cgroups(array.jobs[i]);
        queue_restore(jobs, array.jobs[i]);
        if (array.jobs[i]->record.status == STATUS_RUNNING)
            job_arm_run_time(array.jobs[i]);
    }
    if (r >= 0)
        r = sweep_cgroups(agent);
    if (r >= 0)
        r = records_sweep(agent->records, is_running, jobs);
    for (size_t i = 0; r >= 0 && i < array.n; i++)
        r = cancel_resume(array.jobs[i]);
    for (size_t i = 0; r >= 0 && i < array.n; i++) {
        recover_attempts(agent, array.jobs[i]);
        job_check_over(array.jobs[i]);
    }
    free(array.jobs);
    agent_touch(agent);
    return r;
}
