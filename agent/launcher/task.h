// SPDX-License-Identifier: LGPL-2.1-or-later
// The start of a task: everything between the birth of its process, inside its cgroup, and its program.
#pragma once

#include "agent/launcher/clone.h"
#include "agent/launcher/request.h"

#include <stdbool.h>
#include <sys/resource.h>

typedef struct TaskStart {
    const Launch *launch;
    int output_fd, error_fd; // for streams that are kept; -1 otherwise
    bool privileged;         // whether ids can and have to be set
    bool reset_oom;          // whether the launcher's protection from the OOM killer has to be taken off
    CloneGate gate;

    // Told by the child.
    LaunchStep step; // that failed, or LAUNCH_STEP_NONE
    int error;       // positive errno of it
} TaskStart;

// Makes a process in the cgroup that is all that the launch asks for but for its program, and waits until it is ready
// or a step has failed. The calling process must block all signals and ignore none. Returns the pid of the child, to be
// waited for in both cases, or a negative errno when there is none. ret_ready: it waits, and task_release() has to be
// called; otherwise step and error tell why, or it was killed.
pid_t task_prepare(TaskStart *start, int cgroup_fd, void *stack, int *ret_pidfd, bool *ret_ready);

// Lets a process that is ready execute its program, and waits until that runs or has failed.
void task_release(TaskStart *start);

// Kills one that is ready instead.
void task_discard(TaskStart *start, int pidfd);

// The soft limit that a task has where its parent has inherited: that of the request or of ours, never above the hard
// one.
uint64_t task_limit(const Launch *launch, unsigned limit, const struct rlimit *inherited);
