// SPDX-License-Identifier: LGPL-2.1-or-later
// What a client asks for, checked: JobSpec and TaskSpec of io.corral.Jobs (their types have been checked before)
// against the limits, and turned into records. Pure but for the user database.
#pragma once

#include "agent/launcher-client.h"
#include "agent/record.h"
#include "cgroup/controllers.h"
#include "ipc/json.h"
#include "ipc/peer.h"

#define NAME_MAX_CHARACTERS 80
#define MESSAGE_MAX_CHARACTERS 320
#define TASKS_PER_CALL_MAX 100000

// A job's environment, a task's, its command and its paths have to fit into one LAUNCH packet together, and a job does
// not know the tasks that are yet to come: each has its share.
#define SPEC_COMMAND_BYTES_MAX 49152u
#define SPEC_ENVIRONMENT_BYTES_MAX 24576u
#define SPEC_ENVIRONMENT_MAX 1024u // variables

// An error of the interface to be sent: name (static, full, such as "io.corral.Jobs.TooLong") and parameters (owned).
typedef struct SpecError {
    const char *name;
    json_t *parameters;
} SpecError;

typedef struct SpecContext {
    const IpcPeer *peer;
    bool administrator;
    uint32_t slots;                // of the machine: minSlots may not exceed them
    CgroupControllers controllers; // that can enforce limits
    const Launcher *launcher;      // whose policy is asked; may be NULL
    uint64_t now;
} SpecContext;

// Fills a record (status notSubmitted, times, owner, user; id 0) from a JobSpec; path is where it stands in the call
// ("job", "jobs[2]"), for errors. 0; 1 with ret_error set when refused; negative errno. The record is deinitialised by
// the caller.
int job_spec_check(const SpecContext *context, const json_t *spec, const char *path, JobRecord *ret,
                   SpecError *ret_error);

// The same for one task of a job. job and id of the record are left 0.
int task_spec_check(const SpecContext *context, const json_t *spec, const char *path, TaskRecord *ret,
                    SpecError *ret_error);

// A cancel message: at most 320 Unicode characters; never cut. message may be NULL (no reason given).
int message_check(const char *message, SpecError *ret_error);

// Builds the launch of a task: what the launcher's LAUNCH packet holds, environment complete (a minimal fixed set,
// CORRAL_JOB_ID, CORRAL_TASK_ID, CORRAL_RUN, CORRAL_ATTEMPT, then job, then task). The packet is appended to packet.
// -E2BIG when it is too long (job_spec_check and task_spec_check have refused what could never fit). -ENOENT when the
// user no longer exists.
int launch_packet_build(const JobRecord *job, const json_t *job_spec, const json_t *task_spec, const AttemptKey *key,
                        uint64_t output_max, Buffer *packet);

// The number of a process limit (RLIMIT_...) by the name of prlimit(1) in lower case. -ENOENT.
int spec_process_limit_number(const char *name, int *ret);

// The CgroupLimits of a JobSpec, CGROUP_UNKNOWN where none is asked for.
CgroupLimits job_spec_limits(const json_t *spec);
