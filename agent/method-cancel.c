// SPDX-License-Identifier: LGPL-2.1-or-later
// CancelJobs and CancelTasks: the reply is the receipt.
#include "agent/access.h"
#include "agent/batch.h"
#include "agent/cancel.h"
#include "agent/method-common.h"
#include "agent/methods.h"
#include "agent/records.h"
#include "agent/spec.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ELEMENTS_MAX 1000
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
static int read_options(IpcCall *call, const json_t *parameters, const char *array, char actor[static 64],
                        CancelOptions *ret) {
    const json_t *grace = json_object_get(parameters, "gracePeriod");
    size_t n = json_array_size(json_object_get(parameters, array));
    SpecError error = { 0 };

    ret->message = json_string_value(json_object_get(parameters, "message"));
    ret->force = json_is_true(json_object_get(parameters, "force"));
    ret->grace = json_is_integer(grace) ? (uint64_t)json_integer_value(grace) : RECORD_UNKNOWN;
    if (json_is_integer(grace) && (json_integer_value(grace) < 0 || json_integer_value(grace) > GRACE_MAX)) {
        ipc_call_invalid_parameter(call, "gracePeriod");
        return 1;
    }
    if (n > ELEMENTS_MAX) {
        ipc_call_error(call, "io.corral.Jobs.TooMany",
                       json_pack("{s:s, s:i, s:I}", "parameter", array, "limit", ELEMENTS_MAX, "count", (json_int_t)n));
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

static bool waits(const json_t *parameters) {
    return !json_is_false(json_object_get(parameters, "wait"));
}

// The index of an earlier element that names the same, or i.
static size_t find_same(const json_t *array, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (json_equal(json_array_get(array, j), json_array_get(array, i)))
            return j;
    return i;
}

static void settle(Batch *batch, size_t i, uint64_t job, uint32_t task, bool wait, Stop *stop) {
    if (wait || stop->phase == STOP_DONE)
        batch_wait(batch, i, job, task, stop);
    else
        batch_set(batch, i, begun(job, task));
}

static int cancel_one_job(Batch *batch, size_t i, Agent *agent, IpcCall *call, int64_t id, bool wait,
                          const CancelOptions *options) {
    Refusal refusal;
    Stop *stop;
    Job *job;

    int r = request_job(agent, ipc_call_peer(call), id, REQUEST_CANCEL, &job, &refusal);
    if (r == 0)
        r = cancel_job(job, options, &stop);
    if (r < 0)
        return r;
    if (r > 0)
        batch_set(batch, i, refused(id, 0, &refusal));
    else
        settle(batch, i, (uint64_t)id, 0, wait, stop);
    return 0;
}

static int cancel_one_task(Batch *batch, size_t i, Agent *agent, IpcCall *call, const json_t *reference, bool wait,
                           const CancelOptions *options) {
    json_int_t id = json_integer_value(json_object_get(reference, "job"));
    json_int_t number = json_integer_value(json_object_get(reference, "task"));
    Refusal refusal;
    Stop *stop;
    Task *task;

    int r = request_task(agent, ipc_call_peer(call), id, number, REQUEST_CANCEL, &task, &refusal);
    if (r == 0)
        r = cancel_task(task, options, &stop);
    if (r < 0)
        return r;
    if (r > 0)
        batch_set(batch, i, refused(id, number, &refusal));
    else
        settle(batch, i, (uint64_t)id, (uint32_t)number, wait, stop);
    return 0;
}

static int cancel(IpcCall *call, const json_t *parameters, Agent *agent, bool tasks) {
    const char *name = tasks ? "tasks" : "jobs";
    const json_t *array = json_object_get(parameters, name);
    bool wait = waits(parameters);
    CancelOptions options;
    char actor[64];
    Batch *batch;

    int r = read_options(call, parameters, name, actor, &options);
    if (r != 0)
        return r < 0 ? r : 0;
    if (agent_cannot_record(agent)) {
        (void)method_refuse_unwritable(agent, call);
        return 0;
    }
    records_drain(agent->records); // what has ended by itself up to now has ended by itself
    r = batch_new(agent, call, json_array_size(array), render, &batch);
    if (r < 0)
        return r;
    agent_touch(agent);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);
        size_t same = find_same(array, i);
        if (same != i) {
            batch_same(batch, i, same);
            continue;
        }
        r = tasks ? cancel_one_task(batch, i, agent, call, element, wait, &options)
                  : cancel_one_job(batch, i, agent, call, json_integer_value(element), wait, &options);
        if (r < 0) {
            agent_store_result(agent, r); // the turn is taken back and the call answered with that
            batch_set(batch, i, begun(0, 0));
        }
    }
    batch_start(batch);
    return 0;
}

int method_cancel_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    return cancel(call, parameters, userdata, false);
}

int method_cancel_tasks(IpcCall *call, const json_t *parameters, void *userdata) {
    return cancel(call, parameters, userdata, true);
}
