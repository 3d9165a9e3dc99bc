// SPDX-License-Identifier: LGPL-2.1-or-later
// Records as the values of io.corral.Jobs that clients see.
#pragma once

#include "agent/agent.h"
#include "agent/record.h"
#include "ipc/json.h"

// Job: without details (for those who may not see them) only id, status, owner and times. Reads counts and CPU time
// from the store, the pending reason and stuck processes from the live jobs (jobs_pending_reason(), jobs_stuck() of
// agent/jobs.h).
int render_job(Agent *agent, const JobRecord *job, bool details, json_t **ret);
int render_task(Agent *agent, const TaskRecord *task, json_t **ret);
int render_attempt(const AttemptRecord *attempt, json_t **ret);
int render_history(const HistoryRecord *entry, json_t **ret);
int render_counts(const uint64_t counts[static _STATUS_LAST + 1], json_t **ret);
// Process, for evidence and stuck processes.
int render_process(const InspectedProcess *process, json_t **ret);
