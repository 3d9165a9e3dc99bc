// SPDX-License-Identifier: LGPL-2.1-or-later
// Making jobs: AddJob(s), AddTasks, SubmitJobs, QueueJob(s). All or nothing: everything is checked before the first
// change.
#include "agent/access.h"
#include "agent/jobs.h"
#include "agent/method-common.h"
#include "agent/methods.h"
#include "agent/queue.h"
#include "agent/rules.h"
#include "agent/spec.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define JOBS_PER_CALL_MAX 10000

// A job of a call that passed the checks, not yet on record.
typedef struct Candidate {
    const json_t *spec;
    JobRecord record;
    TaskRecord *tasks;
    size_t n_tasks;
} Candidate;

typedef struct Candidates {
    Candidate *all;
    size_t n;
} Candidates;

static void candidates_deinit(Candidates *candidates) {
    for (size_t i = 0; i < candidates->n; i++) {
        Candidate *candidate = &candidates->all[i];
        for (size_t j = 0; j < candidate->n_tasks; j++)
            task_record_deinit(&candidate->tasks[j]);
        free(candidate->tasks);
        job_record_deinit(&candidate->record);
    }
    free(candidates->all);
}

static SpecContext make_context(const Agent *agent, const IpcPeer *peer) {
    return (SpecContext){ .peer = peer,
                          .administrator = access_is_administrator(agent, peer),
                          .slots = (uint32_t)agent->parameters.value[PARAMETER_SLOTS],
                          .controllers = agent->controllers,
                          .launcher = agent->launcher,
                          .now = clock_realtime() };
}

// Checks tasks[0..] into records. 0, 1 with an error, negative errno.
static int check_tasks(const SpecContext *context, const json_t *tasks, const char *path, TaskRecord **ret,
                       size_t *ret_n, SpecError *error) {
    size_t n = json_array_size(tasks);
    char field[128];

    *ret_n = 0;
    *ret = NULL;
    if (n > TASKS_PER_CALL_MAX) {
        snprintf(field, sizeof field, "%s", path);
        *error = (SpecError){ "io.corral.Jobs.TooMany", json_pack("{s:s, s:i, s:I}", "parameter", field, "limit",
                                                                  TASKS_PER_CALL_MAX, "count", (json_int_t)n) };
        return 1;
    }
    if (n == 0)
        return 0;
    *ret = calloc(n, sizeof **ret);
    if (!*ret)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        snprintf(field, sizeof field, "%s[%zu]", path, i);
        int r = task_spec_check(context, json_array_get(tasks, i), field, &(*ret)[i], error);
        *ret_n = i + 1;
        if (r != 0)
            return r;
    }
    return 0;
}

static int check_job(const SpecContext *context, const json_t *spec, const char *path, Candidate *candidate,
                     SpecError *error) {
    char field[96];

    candidate->spec = spec;
    int r = job_spec_check(context, spec, path, &candidate->record, error);
    if (r != 0)
        return r;
    snprintf(field, sizeof field, "%s.tasks", path);
    return check_tasks(context, json_object_get(spec, "tasks"), field, &candidate->tasks, &candidate->n_tasks, error);
}

// specs: an array of JobSpec, or NULL for the single one.
static int check_jobs(const SpecContext *context, const json_t *specs, const json_t *single, Candidates *candidates,
                      SpecError *error) {
    size_t n = specs ? json_array_size(specs) : 1;
    char path[32] = "job";

    if (n > JOBS_PER_CALL_MAX) {
        *error = (SpecError){ "io.corral.Jobs.TooMany", json_pack("{s:s, s:i, s:I}", "parameter", "jobs", "limit",
                                                                  JOBS_PER_CALL_MAX, "count", (json_int_t)n) };
        return 1;
    }
    candidates->all = calloc(n + 1, sizeof *candidates->all);
    if (!candidates->all)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (specs)
            snprintf(path, sizeof path, "jobs[%zu]", i);
        candidates->n = i + 1;
        int r = check_job(context, specs ? json_array_get(specs, i) : single, path, &candidates->all[i], error);
        if (r != 0)
            return r;
    }
    return 0;
}

// ---- on record ----

static void note_added(const Agent *agent, const JobRecord *job, const TaskRecord *task, const char *actor) {
    uint64_t sequence;
    Status status = task ? task->status : job->status;

    agent_store_result((Agent *)agent,
                       store_add_history(agent->store,
                                         &(HistoryRecord){ .time = clock_realtime(),
                                                           .job = job->id,
                                                           .task = task ? task->id : 0,
                                                           .run = job->runs,
                                                           .from = -1,
                                                           .to = status,
                                                           .cause = status == STATUS_QUEUED ? "submitted" : "added",
                                                           .actor = actor },
                                         &sequence));
}

static int add_tasks(Job *job, TaskRecord *tasks, size_t n, const json_t *specs, const char *actor, json_t *ids) {
    Agent *agent = job->agent;
    Status status = job->record.status == STATUS_NOT_SUBMITTED ? STATUS_NOT_SUBMITTED : STATUS_QUEUED;

    for (size_t i = 0; i < n; i++) {
        Task *task;
        tasks[i].job = job->record.id;
        tasks[i].id = (uint32_t)job->n_tasks + 1;
        tasks[i].status = status;
        agent_store_result(agent, store_add_task(agent->store, &tasks[i], json_array_get(specs, i)));
        if (ids && json_array_append_new(ids, json_integer(tasks[i].id)) < 0)
            return -ENOMEM;
        int r = job_insert_task(job, &tasks[i], &task);
        if (r < 0)
            return r;
        note_added(agent, &job->record, &task->record, actor);
    }
    job->record.tasks = (uint32_t)job->n_tasks;
    return 0;
}

// What submission adds to a record, but the status.
static void submit_record(Jobs *jobs, JobRecord *record) {
    record->submit_time = clock_realtime();
    record->runs = 1;
    record->queue_order = queue_order_last(jobs);
    if (record->run_time_limit == RECORD_INFINITE)
        record->run_time_limit = jobs->agent->parameters.value[PARAMETER_JOB_RUN_TIME];
}

static int add_candidate(Agent *agent, Candidate *candidate, bool submit, const char *actor, uint64_t *ret_id) {
    const json_t *tasks = json_object_get(candidate->spec, "tasks");
    JobRecord *record = &candidate->record;
    Job *job;

    if (submit) {
        submit_record(agent->jobs, record);
        record->status = STATUS_QUEUED;
    }
    record->tasks = (uint32_t)candidate->n_tasks;
    int r = store_add_job(agent->store, record, candidate->spec, ret_id);
    if (r < 0)
        return r;
    record->id = *ret_id;
    note_added(agent, record, NULL, actor);
    r = jobs_insert(agent->jobs, record, &job);
    if (r >= 0)
        r = add_tasks(job, candidate->tasks, candidate->n_tasks, tasks, actor, NULL);
    if (r >= 0 && submit)
        queue_insert(agent->jobs, job);
    return r;
}

static int add_jobs(IpcCall *call, const json_t *parameters, Agent *agent, bool submit) {
    CLEANUP(candidates_deinit) Candidates candidates = { 0 };
    const json_t *specs = json_object_get(parameters, "jobs");
    SpecContext context = make_context(agent, ipc_call_peer(call));
    AUTO_JSON json_t *ids = json_array();
    SpecError error = { 0 };
    char actor[64];
    uint64_t id = 0;

    if (method_refuse_unwritable(agent, call))
        return 0;
    if (!ids)
        return -ENOMEM;
    int r = check_jobs(&context, specs, json_object_get(parameters, "job"), &candidates, &error);
    if (r != 0)
        return r < 0 ? r : ipc_call_error(call, error.name, error.parameters);

    snprintf(actor, sizeof actor, "%s", access_peer_name(ipc_call_peer(call)));
    agent_touch(agent);
    for (size_t i = 0; i < candidates.n; i++) {
        r = add_candidate(agent, &candidates.all[i], submit, actor, &id);
        if (r < 0) {
            agent_store_result(agent, r); // the whole turn is taken back, and this call answered with that
            break;
        }
        if (json_array_append_new(ids, json_integer((json_int_t)id)) < 0)
            return -ENOMEM;
    }
    return ipc_call_reply(call, specs ? json_pack("{s:O}", "ids", ids) : json_pack("{s:I}", "id", (json_int_t)id));
}

int method_add_job(IpcCall *call, const json_t *parameters, void *userdata) {
    return add_jobs(call, parameters, userdata, false);
}

int method_add_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    return add_jobs(call, parameters, userdata, false);
}

int method_queue_job(IpcCall *call, const json_t *parameters, void *userdata) {
    return add_jobs(call, parameters, userdata, true);
}

int method_queue_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    return add_jobs(call, parameters, userdata, true);
}

int method_add_tasks(IpcCall *call, const json_t *parameters, void *userdata) {
    Agent *agent = userdata;
    const json_t *specs = json_object_get(parameters, "tasks");
    SpecContext context = make_context(agent, ipc_call_peer(call));
    AUTO_JSON json_t *ids = json_array();
    SpecError error = { 0 };
    TaskRecord *tasks = NULL;
    size_t n = 0;
    char actor[64];
    Job *job;

    if (method_refuse_unwritable(agent, call))
        return 0;
    if (!ids)
        return -ENOMEM;
    int r = method_find_job(agent, call, json_object_get(parameters, "job"), REQUEST_ADD_TASKS, &job);
    if (r != 0)
        return r < 0 ? r : 0;
    r = check_tasks(&context, specs, "tasks", &tasks, &n, &error);
    if (r == 0) {
        snprintf(actor, sizeof actor, "%s", access_peer_name(ipc_call_peer(call)));
        agent_touch(agent);
        r = add_tasks(job, tasks, n, specs, actor, ids);
        job_save(job);
        if (job->record.status != STATUS_NOT_SUBMITTED && !TAILQ_EMPTY(&job->queue))
            queue_insert(agent->jobs, job);
        agent_store_result(agent, r);
        r = ipc_call_reply(call, json_pack("{s:O}", "ids", ids));
    } else if (r > 0) {
        r = ipc_call_error(call, error.name, error.parameters);
    }
    for (size_t i = 0; i < n; i++)
        task_record_deinit(&tasks[i]);
    free(tasks);
    return r;
}

static void submit(Job *job, const char *actor) {
    submit_record(job->agent->jobs, &job->record);
    job_set_status(job, STATUS_QUEUED, "submitted", actor, NULL);
    for (size_t i = 0; i < job->n_tasks; i++)
        if (job->tasks[i]->record.status == STATUS_NOT_SUBMITTED) {
            task_set_status(job->tasks[i], STATUS_QUEUED, "submitted", actor, NULL);
            task_enqueue(job->tasks[i]);
        }
    queue_insert(job->agent->jobs, job);
}

int method_submit_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    Agent *agent = userdata;
    const json_t *ids = json_object_get(parameters, "jobs");
    AUTO_FREE Job **jobs = calloc(json_array_size(ids) + 1, sizeof *jobs);
    char actor[64];

    if (method_refuse_unwritable(agent, call))
        return 0;
    if (!jobs)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        int r = method_find_job(agent, call, json_array_get(ids, i), REQUEST_SUBMIT, &jobs[i]);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    snprintf(actor, sizeof actor, "%s", access_peer_name(ipc_call_peer(call)));
    agent_touch(agent);
    for (size_t i = 0; i < json_array_size(ids); i++)
        if (jobs[i]->record.status == STATUS_NOT_SUBMITTED) // named twice is submitted once
            submit(jobs[i], actor);
    return ipc_call_reply(call, NULL);
}
