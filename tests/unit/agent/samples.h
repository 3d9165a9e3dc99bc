// SPDX-License-Identifier: LGPL-2.1-or-later
// Records with something different in every field, and a directory for a store.
#pragma once

#include "agent/store.h"

#define SAMPLE_SPEC "{\"command\":[\"true\"]}"

JobRecord sample_job(void);
TaskRecord sample_task(uint64_t job, uint32_t id);
AttemptRecord sample_attempt(uint64_t job, uint32_t task, uint32_t attempt);
HistoryRecord sample_history(uint64_t job);

json_t *sample_json(const char *text);

// Adds a job with tasks, all of one status, and commits nothing. Returns the id.
uint64_t sample_add(Store *store, Status status, uint32_t n_tasks);

// Each test makes its own directory and removes it with all files in it.
const char *scratch_make(void);
void scratch_remove(void);
