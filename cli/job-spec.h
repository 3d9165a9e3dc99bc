// SPDX-License-Identifier: LGPL-2.1-or-later
// JobSpec and TaskSpec of the interface from options and a command.
#pragma once

#include "cli/arguments.h"
#include "ipc/json.h"

#include <stdint.h>

// MIN[-MAX], numbers from 1, MAX not below MIN; *ret_max is 0 without MAX. -EINVAL.
int slots_parse(const char *text, int64_t *ret_min, int64_t *ret_max);

// The name of a priority in the interface, whatever the case of the letters; NULL.
const char *priority_find(const char *text);

// An option whose argument is a duration: 1 with microseconds, 0 when it was not given, -EINVAL, told.
int duration_option(const Arguments *arguments, Option option, int64_t *ret);

// A job with the command as its only task; no command (n 0): no task. -EINVAL, told.
int job_spec_make(const Arguments *arguments, char *const *command, size_t n, json_t **ret);

// A task; name, run time and environment are the task's. -EINVAL, told.
int task_spec_make(const Arguments *arguments, char *const *command, size_t n, json_t **ret);
