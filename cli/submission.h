// SPDX-License-Identifier: LGPL-2.1-or-later
// Making a job from a command or a file: what the verbs submit, new and run have in common.
#pragma once

#include "cli/arguments.h"

#include <stdint.h>

// Makes the JobSpec that the arguments describe, from --file or from options and operands, and gives it to a method
// (AddJob, QueueJob). Returns EXIT_SUCCESS with the job's id, EXIT_FAILURE or EXIT_USAGE, told.
int submission_make(const Arguments *arguments, const char *method, int64_t *ret_id);

// Prints the id, or with --json the object that the method returned.
void submission_print(const Arguments *arguments, int64_t id);
