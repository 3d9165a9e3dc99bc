// SPDX-License-Identifier: LGPL-2.1-or-later
// One request about several jobs and tasks, as the verbs cancel and requeue make it.
#pragma once

#include "cli/arguments.h"
#include "cli/reference.h"
#include "ipc/json.h"

// Gives the jobs to one method and the tasks to another, both at once. options: members of both calls; borrowed.
// ret: an array of the elements of both "results" in the order asked. With --json the replies have been printed.
// Negative errno, told.
int batch_call(const Arguments *arguments, const char *jobs_method, const char *tasks_method,
               const Reference *references, size_t n, const json_t *options, json_t **ret);
