// SPDX-License-Identifier: LGPL-2.1-or-later
// The methods of io.corral.Jobs. userdata is the Agent. One table binds them (agent/methods.c).
#pragma once

#include "ipc/server.h"

extern const IpcMethod agent_methods[];
extern const size_t n_agent_methods;

// method-jobs.c
int method_add_job(IpcCall *call, const json_t *parameters, void *userdata);
int method_add_jobs(IpcCall *call, const json_t *parameters, void *userdata);
int method_add_tasks(IpcCall *call, const json_t *parameters, void *userdata);
int method_submit_jobs(IpcCall *call, const json_t *parameters, void *userdata);
int method_queue_job(IpcCall *call, const json_t *parameters, void *userdata);
int method_queue_jobs(IpcCall *call, const json_t *parameters, void *userdata);
// method-cancel.c
int method_cancel_jobs(IpcCall *call, const json_t *parameters, void *userdata);
int method_cancel_tasks(IpcCall *call, const json_t *parameters, void *userdata);
// method-requeue.c
int method_requeue_jobs(IpcCall *call, const json_t *parameters, void *userdata);
int method_requeue_tasks(IpcCall *call, const json_t *parameters, void *userdata);
// method-query.c
int method_get_job(IpcCall *call, const json_t *parameters, void *userdata);
int method_list_jobs(IpcCall *call, const json_t *parameters, void *userdata);
int method_list_tasks(IpcCall *call, const json_t *parameters, void *userdata);
int method_get_history(IpcCall *call, const json_t *parameters, void *userdata);
// method-output.c
int method_get_output(IpcCall *call, const json_t *parameters, void *userdata);
// method-watch.c
int method_watch(IpcCall *call, const json_t *parameters, void *userdata);
// method-agent.c
int method_get_parameters(IpcCall *call, const json_t *parameters, void *userdata);
int method_set_parameter(IpcCall *call, const json_t *parameters, void *userdata);
int method_get_status(IpcCall *call, const json_t *parameters, void *userdata);
