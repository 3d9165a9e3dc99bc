// SPDX-License-Identifier: LGPL-2.1-or-later
// RequeueJobs and RequeueTasks.
#include "agent/access.h"
#include "agent/batch.h"
#include "agent/cancel.h"
#include "agent/method-common.h"
#include "agent/methods.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static json_t *result(uint64_t job, uint32_t task, const char *status, const char *error, const char *text,
                      int64_t queued) {
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "job", (json_int_t)job, "task",
                     task ? json_integer(task) : json_null(), "status", status ? json_string(status) : json_null(),
                     "error", error ? json_string(error) : json_null(), "errorMessage",
                     text ? json_string(text) : json_null(), "tasksQueued",
                     queued >= 0 ? json_integer(queued) : json_null());
}

// After a running job or task was stopped for the requeue, and recorded.
static json_t *render(Agent *agent, uint64_t id, uint32_t number, const Stop *stop, bool stuck) {
    const Job *job = jobs_find(agent->jobs, id);
    const Task *task = job && number ? job_find_task(job, number) : NULL;

    if (!stop)
        return result(id, number, NULL, "StoreNotWritable", "the requeue goes on, but cannot be recorded now", -1);
    if (stuck)
        return result(id, number, status_name(STATUS_CANCELING), NULL,
                      "some processes outlived the kill; it goes on, and the requeue with it", -1);
    if (!job)
        return result(id, number, NULL, "InvalidState", "it ended in another way before the requeue took effect", -1);
    return result(id, number, status_name(task ? task->record.status : job->record.status), NULL, NULL,
                  task ? task->record.status != STATUS_FINISHED
                       : (int64_t)job->counts[STATUS_QUEUED] + (int64_t)job->counts[STATUS_RUNNING]);
}

static json_t *refused(int64_t job, int64_t task, const Refusal *refusal) {
    return result((uint64_t)job, (uint32_t)task, refusal->has_status ? status_name(refusal->status) : NULL,
                  refusal->error, refusal->text, -1);
}

static bool may_run_again(const Task *task) {
    return task->record.rerunnable || task->record.attempt == 0;
}

static json_t *refuse_rerun(const Task *task, bool whole_job) {
    char text[128];

    snprintf(text, sizeof text, "task %u is not rerunnable", task->record.id);
    return result(task->record.job, whole_job ? 0 : task->record.id, NULL, "TaskNotRerunnable", text, -1);
}

static int requeue_one_job(Batch *batch, size_t i, const json_t *element, void *userdata) {
    json_int_t id = json_integer_value(element);
    Refusal refusal;
    Stop *stop;
    Job *job;

    int r = request_job(batch_agent(batch), batch_peer(batch), id, REQUEST_REQUEUE, &job, &refusal);
    if (r > 0)
        batch_set(batch, i, refused(id, 0, &refusal));
    if (r != 0)
        return r < 0 ? r : 0;
    for (size_t j = 0; j < job->n_tasks; j++)
        if (requeue_would_run(job->tasks[j]) && !may_run_again(job->tasks[j])) {
            batch_set(batch, i, refuse_rerun(job->tasks[j], true));
            return 0;
        }
    r = requeue_job(job, userdata, &stop);
    if (r < 0)
        return r;
    if (stop)
        batch_wait(batch, i, (uint64_t)id, 0, stop);
    else
        batch_set(
            batch, i,
            result((uint64_t)id, 0, status_name(job->record.status), NULL, NULL, (int64_t)job->counts[STATUS_QUEUED]));
    return 0;
}

static int requeue_one_task(Batch *batch, size_t i, const json_t *element, void *userdata) {
    json_int_t id = json_integer_value(json_object_get(element, "job"));
    json_int_t number = json_integer_value(json_object_get(element, "task"));
    Refusal refusal;
    Stop *stop;
    Task *task;

    int r = request_task(batch_agent(batch), batch_peer(batch), id, number, REQUEST_REQUEUE, &task, &refusal);
    if (r > 0)
        batch_set(batch, i, refused(id, number, &refusal));
    if (r != 0)
        return r < 0 ? r : 0;
    if (!may_run_again(task)) {
        batch_set(batch, i, refuse_rerun(task, false));
        return 0;
    }
    r = requeue_task(task, userdata, &stop);
    if (r < 0)
        return r;
    if (stop)
        batch_wait(batch, i, (uint64_t)id, (uint32_t)number, stop);
    else
        batch_set(batch, i, result((uint64_t)id, (uint32_t)number, status_name(task->record.status), NULL, NULL, 1));
    return 0;
}

static int requeue(IpcCall *call, const json_t *parameters, Agent *agent, const char *array, BatchBegin begin) {
    char actor[64];

    if (method_refuse_unwritable(agent, call))
        return 0;
    snprintf(actor, sizeof actor, "%s", access_peer_name(ipc_call_peer(call)));
    return batch_run(agent, call, array, json_object_get(parameters, array), begin, render, actor);
}

int method_requeue_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    return requeue(call, parameters, userdata, "jobs", requeue_one_job);
}

int method_requeue_tasks(IpcCall *call, const json_t *parameters, void *userdata) {
    return requeue(call, parameters, userdata, "tasks", requeue_one_task);
}
