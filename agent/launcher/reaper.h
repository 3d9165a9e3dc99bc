// SPDX-License-Identifier: LGPL-2.1-or-later
// The process that watches one attempt: it starts the task, waits for it, keeps its output and leaves one record.
#pragma once

#include "agent/launcher/identity.h"
#include "agent/launcher/request.h"
#include "base/clock.h"

#include <stdbool.h>

typedef struct Reaper {
    const Launch *launch;
    int records_fd, output_fd; // the agent's directories
    int claim_fd;              // of the attempt; -1 when the launcher could not make it, for want of room for instance
    int cgroup_fd;             // of the attempt; closed by reaper_run()
    void *stack;               // clone_stack_new()
    const Identities *identities; // NULL: the groups of the launch are confirmed already
    bool privileged;              // the launcher is root
    bool reset_oom;               // see TaskStart
    char boot_id[BOOT_ID_TEXT];
} Reaper;

// Runs the attempt from claim to record in the calling process, which has been forked for it, blocks all signals and
// ignores none. Returns when the record is there, or at once when somebody else owns the attempt. The exit status of
// the process: 0, or 1 when no record could be left because the records directory has gone.
int reaper_run(Reaper *reaper);

// Leaves the record of a launch that failed before there was a reaper. Tries once; negative errno.
int reaper_record_failure(Reaper *reaper, LaunchStep step, int error);
