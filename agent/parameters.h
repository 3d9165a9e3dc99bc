// SPDX-License-Identifier: LGPL-2.1-or-later
// What an administrator can set while the agent runs: one table of names, defaults, ranges and meanings; values are
// durable.
#pragma once

#include "agent/store.h"

#include <stdint.h>

typedef enum Parameter {
    PARAMETER_TTL_COMPLETED_JOBS,  // "TTLCompletedJobs": days, fractions allowed, 0 and more; 5
    PARAMETER_CANCEL_GRACE_PERIOD, // "CancelGracePeriod": duration between SIGTERM and the kill; 0s: none
    PARAMETER_KILL_DEADLINE,       // "KillDeadline": when a cancel that is not empty yet answers; 10s
    PARAMETER_OUTPUT_LIMIT,        // "OutputLimit": bytes kept of each stream of an attempt; 16777216
    PARAMETER_SLOTS,               // "Slots": processor slots; default: the processors of the machine
    PARAMETER_JOB_RUN_TIME,        // "JobRunTime": default run-time limit of a job, 0: none
    PARAMETER_TASK_RETRY_COUNT,    // "TaskRetryCount": how often a task runs again after a restart of the machine; 3
    _PARAMETER_LAST = PARAMETER_TASK_RETRY_COUNT
} Parameter;

typedef struct Parameters {
    // In microseconds, bytes or as they are; TTL in microseconds.
    uint64_t value[_PARAMETER_LAST + 1];
} Parameters;

// Defaults, then what is in the store. A stored value that is no longer allowed is logged and ignored.
int parameters_load(Parameters *parameters, Store *store);

// By name, case-insensitive; -ENOENT.
int parameter_from_name(const char *name, Parameter *ret);
const char *parameter_name(Parameter parameter);

// Parses and checks a value; -EINVAL or -ERANGE. Does not store it.
int parameter_parse(Parameter parameter, const char *text, uint64_t *ret);

// What a value has to be, as the interface's error ParameterOutOfRange has it: name, minimum, maximum. NULL when out of
// memory.
json_t *parameter_range(Parameter parameter);

// The parameter as the interface's type Parameter (name, value, default, description).
int parameter_to_json(const Parameters *parameters, Parameter parameter, json_t **ret);
