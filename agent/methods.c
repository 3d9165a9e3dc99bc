// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/methods.h"

const IpcMethod agent_methods[] = {
    // making jobs
    { "AddJob", method_add_job },
    { "AddJobs", method_add_jobs },
    { "AddTasks", method_add_tasks },
    { "SubmitJobs", method_submit_jobs },
    { "QueueJob", method_queue_job },
    { "QueueJobs", method_queue_jobs },
    // cancel and requeue
    { "CancelJobs", method_cancel_jobs },
    { "CancelTasks", method_cancel_tasks },
    { "RequeueJobs", method_requeue_jobs },
    { "RequeueTasks", method_requeue_tasks },
    // looking
    { "GetJob", method_get_job },
    { "ListJobs", method_list_jobs, .needs_more = true },
    { "ListTasks", method_list_tasks, .needs_more = true },
    { "GetHistory", method_get_history, .needs_more = true },
    { "GetOutput", method_get_output, .needs_more = true },
    { "Watch", method_watch, .needs_more = true },
    // the agent
    { "GetParameters", method_get_parameters },
    { "SetParameter", method_set_parameter },
    { "GetStatus", method_get_status },
};

const size_t n_agent_methods = sizeof agent_methods / sizeof *agent_methods;
