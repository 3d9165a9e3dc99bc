// SPDX-License-Identifier: LGPL-2.1-or-later
// GetOutput: who may read what; the reading is in agent/output.c.
#include "agent/access.h"
#include "agent/methods.h"
#include "agent/output.h"
#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

static bool is_there(const json_t *value) {
    return value && !json_is_null(value);
}

// Answers with an error; 1, or negative errno.
static int refuse(IpcCall *call, const char *error, json_t *parameters) {
    int r = ipc_call_error(call, error, parameters);
    return r < 0 ? r : 1;
}

// Finds the task, if the caller may. 0 with the record; 1 when refused; negative errno.
static int find_task(Agent *agent, IpcCall *call, json_int_t id, json_int_t number, TaskRecord *ret) {
    JobRecord job;

    int r = id > 0 ? store_get_job(agent->store, (uint64_t)id, &job) : -ENOENT;
    if (r == -ENOENT)
        return refuse(call, "io.corral.Jobs.NoSuchJob", json_pack("{s:I}", "job", id));
    if (r < 0)
        return r;
    bool allowed = access_to_job(agent, ipc_call_peer(call), &job);
    job_record_deinit(&job);
    if (!allowed)
        return refuse(call, "io.corral.Jobs.PermissionDenied", NULL);
    r = number > 0 && number <= UINT32_MAX ? store_get_task(agent->store, (uint64_t)id, (uint32_t)number, ret)
                                           : -ENOENT;
    if (r == -ENOENT)
        return refuse(call, "io.corral.Jobs.NoSuchTask", json_pack("{s:I, s:I}", "job", id, "task", number));
    return r;
}

// Finds the attempt that is meant. A task that has not started yet can only be followed.
static int find_attempt(Agent *agent, IpcCall *call, const TaskRecord *task, const json_t *wanted,
                        OutputRequest *request) {
    json_int_t number = is_there(wanted) ? json_integer_value(wanted) : task->attempt;
    AttemptRecord attempt;

    request->key = (AttemptKey){ .job = task->job, .task = task->id };
    if (number == 0 && !is_there(wanted)) {
        if (status_is_terminal(task->status))
            request->follow = false;
        return 0;
    }
    int r = number > 0 && number <= UINT32_MAX
                ? store_get_attempt(agent->store, task->job, task->id, (uint32_t)number, &attempt)
                : -ENOENT;
    if (r == -ENOENT)
        return refuse(call, "io.corral.Jobs.NoSuchAttempt",
                      json_pack("{s:I, s:I, s:I}", "job", (json_int_t)task->job, "task", (json_int_t)task->id,
                                "attempt", number));
    if (r < 0)
        return r;
    request->key = attempt.key;
    if (attempt.status != STATUS_RUNNING)
        request->follow = false;
    attempt_record_deinit(&attempt);
    return 0;
}

// What the user has in a file of his own is not kept: there is nothing to wait for.
static int check_kept(Agent *agent, const TaskRecord *task, const char *stream, OutputRequest *request) {
    AUTO_JSON json_t *spec = NULL;

    int r = store_get_task_spec(agent->store, task->job, task->id, &spec);
    if (r >= 0 && is_there(json_object_get(spec, stream)))
        request->follow = false;
    return r;
}

int method_get_output(IpcCall *call, const json_t *parameters, void *userdata) {
    const char *name = json_string_value(json_object_get(parameters, "stream"));
    bool error_stream = name && strcmp(name, "stderr") == 0;
    json_int_t offset = json_integer_value(json_object_get(parameters, "offset"));
    OutputRequest request = { .suffix = error_stream ? STDERR_SUFFIX : STDOUT_SUFFIX,
                              .offset = (uint64_t)offset,
                              .follow = json_is_true(json_object_get(parameters, "follow")) };
    Agent *agent = userdata;
    TaskRecord task;

    if (offset < 0)
        return ipc_call_invalid_parameter(call, "offset");
    int r = find_task(agent, call, json_integer_value(json_object_get(parameters, "job")),
                      json_integer_value(json_object_get(parameters, "task")), &task);
    if (r != 0)
        return r < 0 ? r : 0;
    r = find_attempt(agent, call, &task, json_object_get(parameters, "attempt"), &request);
    if (r == 0)
        r = check_kept(agent, &task, error_stream ? "stderr" : "stdout", &request);
    task_record_deinit(&task);
    if (r != 0)
        return r < 0 ? r : 0;
    return followers_add(agent->followers, call, &request);
}
