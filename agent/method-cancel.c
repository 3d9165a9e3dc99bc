// SPDX-License-Identifier: LGPL-2.1-or-later
// CancelJobs and CancelTasks: the reply is the receipt.
#include "agent/access.h"
#include "agent/batch.h"
#include "agent/cancel.h"
#include "agent/method-common.h"
#include "agent/methods.h"
#include "agent/spec.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GRACE_MAX INT64_C(86400000000) // a day

static json_t *number_or_null(uint64_t value) {
    return value == RECORD_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

// Microseconds from the intent to a later step, null when the step was not needed.
static json_t *after(const Receipt *receipt, uint64_t time) {
    return time == 0 ? json_null() : json_integer((json_int_t)(time - receipt->intent_time));
}

static json_t *refused(int64_t job, int64_t task, const Refusal *refusal) {
    return json_pack("{s:I, s:o, s:o, s:s, s:s}", "job", (json_int_t)job, "task",
                     task ? json_integer(task) : json_null(), "status",
                     text_or_null(refusal->has_status ? status_name(refusal->status) : NULL), "error", refusal->error,
                     "errorMessage", refusal->text);
}

static int present_status(Agent *agent, uint64_t job, uint32_t task, Status *ret) {
    TaskRecord task_record;
    JobRecord job_record;
    int r;

    if (task != 0) {
        r = store_get_task(agent->store, job, task, &task_record);
        if (r < 0)
            return r;
        *ret = task_record.status;
        task_record_deinit(&task_record);
    } else {
        r = store_get_job(agent->store, job, &job_record);
        if (r < 0)
            return r;
        *ret = job_record.status;
        job_record_deinit(&job_record);
    }
    return 0;
}

static json_t *render(Agent *agent, uint64_t job, uint32_t task, const Stop *stop, bool stuck) {
    static const Receipt none = { .processes_killed = RECORD_UNKNOWN };
    const Receipt *receipt = stop ? &stop->receipt : &none;
    const char *error = NULL, *text = NULL;
    json_t *processes = NULL;
    Status status;

    bool known = present_status(agent, job, task, &status) >= 0;
    if (!stop) {
        error = "StoreNotWritable";
        text = "the cancel goes on, but its end cannot be recorded now";
    } else if (stuck) {
        text = "some processes outlived the kill; it goes on";
        if (stop_stuck_processes(stop, &processes) < 0)
            processes = NULL;
    }
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "job", (json_int_t)job, "task",
        task ? json_integer(task) : json_null(), "status", text_or_null(known ? status_name(status) : NULL), "error",
        text_or_null(error), "errorMessage", text_or_null(text), "tasksFailed", number_or_null(receipt->tasks_failed),
        "tasksCanceled", number_or_null(receipt->tasks_canceled), "processesKilled",
        number_or_null(receipt->processes_killed), "frozenAfter", after(receipt, receipt->frozen_time), "killedAfter",
        after(receipt, receipt->killed_time), "emptyAfter", after(receipt, receipt->empty_time), "recordedAfter",
        after(receipt, receipt->recorded_time), "stuck", processes ? processes : json_null());
}

static json_t *begun(uint64_t job, uint32_t task) {
    return json_pack("{s:I, s:o, s:s}", "job", (json_int_t)job, "task", task ? json_integer(task) : json_null(),
                     "status", status_name(STATUS_CANCELING));
}

// What all elements of a call share. 0; 1 when the call was answered with an error.
static int read_options(IpcCall *call, const json_t *parameters, char actor[static 64], CancelOptions *ret) {
    const json_t *grace = json_object_get(parameters, "gracePeriod");
    SpecError error = { 0 };

    ret->message = json_string_value(json_object_get(parameters, "message"));
    ret->force = json_is_true(json_object_get(parameters, "force"));
    ret->grace = json_is_integer(grace) ? (uint64_t)json_integer_value(grace) : RECORD_UNKNOWN;
    if (json_is_integer(grace) && (json_integer_value(grace) < 0 || json_integer_value(grace) > GRACE_MAX)) {
        ipc_call_invalid_parameter(call, "gracePeriod");
        return 1;
    }
    int r = message_check(ret->message, &error);
    if (r != 0) {
        if (r > 0)
            ipc_call_error(call, error.name, error.parameters);
        return r;
    }
    snprintf(actor, 64, "%s", access_peer_name(ipc_call_peer(call)));
    ret->actor = actor;
    return 0;
}

typedef struct Cancel {
    CancelOptions options;
    bool wait;
} Cancel;

static void settle(Batch *batch, size_t i, uint64_t job, uint32_t task, bool wait, Stop *stop) {
    if (wait || stop->phase == STOP_DONE)
        batch_wait(batch, i, job, task, stop);
    else
        batch_set(batch, i, begun(job, task));
}

static int cancel_one_job(Batch *batch, size_t i, const json_t *element, void *userdata) {
    const Cancel *cancel = userdata;
    json_int_t id = json_integer_value(element);
    Refusal refusal;
    Stop *stop;
    Job *job;

    int r = request_job(batch_agent(batch), batch_peer(batch), id, REQUEST_CANCEL, &job, &refusal);
    if (r == 0)
        r = cancel_job(job, &cancel->options, &stop);
    if (r < 0)
        return r;
    if (r > 0)
        batch_set(batch, i, refused(id, 0, &refusal));
    else
        settle(batch, i, (uint64_t)id, 0, cancel->wait, stop);
    return 0;
}

static int cancel_one_task(Batch *batch, size_t i, const json_t *element, void *userdata) {
    const Cancel *cancel = userdata;
    json_int_t id = json_integer_value(json_object_get(element, "job"));
    json_int_t number = json_integer_value(json_object_get(element, "task"));
    Refusal refusal;
    Stop *stop;
    Task *task;

    int r = request_task(batch_agent(batch), batch_peer(batch), id, number, REQUEST_CANCEL, &task, &refusal);
    if (r == 0)
        r = cancel_task(task, &cancel->options, &stop);
    if (r < 0)
        return r;
    if (r > 0)
        batch_set(batch, i, refused(id, number, &refusal));
    else
        settle(batch, i, (uint64_t)id, (uint32_t)number, cancel->wait, stop);
    return 0;
}

static int cancel(IpcCall *call, const json_t *parameters, Agent *agent, const char *array, BatchBegin begin) {
    Cancel cancel = { .wait = !json_is_false(json_object_get(parameters, "wait")) };
    char actor[64];

    int r = read_options(call, parameters, actor, &cancel.options);
    if (r != 0)
        return r < 0 ? r : 0;
    if (agent_cannot_record(agent)) {
        (void)method_refuse_unwritable(agent, call);
        return 0;
    }
    return batch_run(agent, call, array, json_object_get(parameters, array), begin, render, &cancel);
}

int method_cancel_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    return cancel(call, parameters, userdata, "jobs", cancel_one_job);
}

int method_cancel_tasks(IpcCall *call, const json_t *parameters, void *userdata) {
    return cancel(call, parameters, userdata, "tasks", cancel_one_task);
}
