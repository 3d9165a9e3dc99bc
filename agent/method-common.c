// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/method-common.h"

#include "agent/access.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(Refusal *refusal, const char *error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(Refusal *refusal, const char *error, const char *format, ...) {
    va_list arguments;

    *refusal = (Refusal){ .error = error };
    va_start(arguments, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, arguments);
    va_end(arguments);
    return 1;
}

static int refuse_status(Refusal *refusal, const char *what, Status status, Request request) {
    refuse(refusal, "InvalidState", "the %s is %s: %s is not possible", what, status_name(status),
           request_name(request));
    refusal->has_status = true;
    refusal->status = status;
    return 1;
}

// Finds the job and checks who asks. The record is in memory or filled into ret_record, which the caller deinitialises.
static int find(Agent *agent, const IpcPeer *peer, int64_t id, Job **ret, JobRecord *ret_record,
                const JobRecord **ret_known, Refusal *refusal) {
    *ret = id > 0 ? jobs_find(agent->jobs, (uint64_t)id) : NULL;
    if (*ret) {
        *ret_known = &(*ret)->record;
    } else {
        int r = id > 0 ? store_get_job(agent->store, (uint64_t)id, ret_record) : -ENOENT;
        if (r == -ENOENT)
            return refuse(refusal, "NoSuchJob", "there is no job %" PRId64, id);
        if (r < 0)
            return r;
        *ret_known = ret_record;
    }
    if (!access_to_job(agent, peer, *ret_known))
        return refuse(refusal, "PermissionDenied", "job %" PRId64 " belongs to somebody else", id);
    return 0;
}

int request_job(Agent *agent, const IpcPeer *peer, int64_t id, Request request, Job **ret, Refusal *ret_refusal) {
    JobRecord record = { 0 };
    const JobRecord *known;
    Job *job;

    int r = find(agent, peer, id, &job, &record, &known, ret_refusal);
    if (r == 0 && !job_accepts(known->status, request))
        r = refuse_status(ret_refusal, "job", known->status, request);
    job_record_deinit(&record);
    if (r == 0 && !job)
        r = jobs_load(agent->jobs, (uint64_t)id, &job);
    if (r == 0)
        *ret = job;
    return r;
}

int request_task(Agent *agent, const IpcPeer *peer, int64_t id, int64_t number, Request request, Task **ret,
                 Refusal *ret_refusal) {
    JobRecord record = { 0 };
    TaskRecord task_record;
    const JobRecord *known;
    Job *job;

    int r = find(agent, peer, id, &job, &record, &known, ret_refusal);
    if (r == 0 && (number < 1 || number > UINT32_MAX || (uint64_t)number > known->tasks))
        r = refuse(ret_refusal, "NoSuchTask", "job %" PRId64 " has no task %" PRId64, id, number);
    if (r != 0) {
        job_record_deinit(&record);
        return r;
    }
    Status job_status = known->status;
    job_record_deinit(&record);

    Task *task = job ? job_find_task(job, (uint32_t)number) : NULL;
    Status status;
    if (task) {
        status = task->record.status;
    } else {
        r = store_get_task(agent->store, (uint64_t)id, (uint32_t)number, &task_record);
        if (r < 0)
            return r;
        status = task_record.status;
        task_record_deinit(&task_record);
    }
    if (!task_accepts(status, request))
        return refuse_status(ret_refusal, "task", status, request);
    if (!job_accepts_for_task(job_status, request))
        return refuse_status(ret_refusal, "job", job_status, request);
    if (!job) {
        r = jobs_load(agent->jobs, (uint64_t)id, &job);
        if (r < 0)
            return r;
        task = job_find_task(job, (uint32_t)number);
    }
    *ret = task;
    return 0;
}

int method_find_job(Agent *agent, IpcCall *call, const json_t *id, Request request, Job **ret) {
    char error[64];
    Refusal refusal;
    json_t *parameters = NULL;

    int r = request_job(agent, ipc_call_peer(call), json_integer_value(id), request, ret, &refusal);
    if (r <= 0)
        return r;
    snprintf(error, sizeof error, "io.corral.Jobs.%s", refusal.error);
    if (refusal.has_status)
        parameters =
            json_pack("{s:I, s:n, s:s}", "job", json_integer_value(id), "task", "status", status_name(refusal.status));
    else if (strcmp(refusal.error, "NoSuchJob") == 0)
        parameters = json_pack("{s:I}", "job", json_integer_value(id));
    r = ipc_call_error(call, error, parameters);
    return r < 0 ? r : 1;
}

bool method_refuse_unwritable(Agent *agent, IpcCall *call) {
    if (agent->store_writable)
        return false;
    ipc_call_error(call, "io.corral.Jobs.StoreNotWritable",
                   json_pack("{s:s}", "reason", "there is no room for records; nothing was changed"));
    return true;
}
