// SPDX-License-Identifier: LGPL-2.1-or-later
// A process that is about to become a task, seen from outside: what it was told to become is not taken on its word.
#pragma once

#include "agent/launcher/request.h"

#include <stdbool.h>

typedef struct Verification {
    const Launch *launch;
    pid_t pid;
    int cgroup_fd;           // where it has to be, alone
    int output_fd, error_fd; // what its streams have to be where they are kept; -1 otherwise
    bool privileged;         // its ids were to be set; else they are the caller's
    bool reset_oom;          // its protection from the OOM killer was to be taken off
} Verification;

// Returns LAUNCH_STEP_NONE when everything is as the launch asks for; else the step of what is not, with a positive
// errno: EPERM for what is otherwise, the one of the call that should have told for what is not known.
LaunchStep verify_process(const Verification *verification, int *ret_error);

// What /proc/<pid>/status tells, for tests. -EBADMSG when it lacks something.
typedef struct ProcessStatus {
    uint32_t uids[4], gids[4]; // real, effective, saved, file system
    uint32_t groups[LAUNCH_GROUPS_MAX];
    size_t n_groups;
    uint64_t capabilities; // those of all sets but the bounding one together
    uint64_t signals;      // blocked, ignored or caught
    uint32_t umask;
    uint32_t threads;
    int32_t tracer;
} ProcessStatus;

int verify_parse_status(char *text, ProcessStatus *ret);
