// SPDX-License-Identifier: LGPL-2.1-or-later
// The start of a task: everything between the birth of its process, inside its cgroup, and its program.
#pragma once

#include "agent/launcher/request.h"

#include <stdbool.h>

typedef struct TaskStart {
    const Launch *launch;
    int output_fd, error_fd; // for streams that are kept; -1 otherwise
    bool privileged;         // whether ids can and have to be set
    bool reset_oom;          // whether the launcher's protection from the OOM killer has to be taken off

    // Told by the child.
    LaunchStep step; // that failed, or LAUNCH_STEP_NONE
    int error;       // positive errno of it
} TaskStart;

// Starts the task in the cgroup and waits until its program runs or a step has failed. The calling process must block
// all signals and ignore none. Returns the pid of the child, to be waited for in both cases, or a negative errno when
// there is none.
pid_t task_start(TaskStart *start, int cgroup_fd, void *stack, int *ret_pidfd);
