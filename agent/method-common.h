// SPDX-License-Identifier: LGPL-2.1-or-later
// What the methods that change jobs have in common: finding what a call names and refusing what must be refused, always
// in this order: does it exist, may the caller, does its status allow it.
#pragma once

#include "agent/jobs.h"
#include "agent/rules.h"
#include "ipc/server.h"

// Why a request about a job or task is refused.
typedef struct Refusal {
    const char *error; // of io.corral.Jobs, without the prefix
    char text[192];
    bool has_status; // status may be told
    Status status;
} Refusal;

// Finds a job for a request. 0 with the live job (one that is over is loaded for a requeue); 1 with a refusal; negative
// errno.
int request_job(Agent *agent, const IpcPeer *peer, int64_t id, Request request, Job **ret, Refusal *ret_refusal);

// The same for a task.
int request_task(Agent *agent, const IpcPeer *peer, int64_t job, int64_t task, Request request, Task **ret,
                 Refusal *ret_refusal);

// request_job() that answers the call with the error when it is refused: 1 then.
int method_find_job(Agent *agent, IpcCall *call, const json_t *id, Request request, Job **ret);

// When nothing can be written: answers StoreNotWritable and returns true.
bool method_refuse_unwritable(Agent *agent, IpcCall *call);
