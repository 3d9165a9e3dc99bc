// SPDX-License-Identifier: LGPL-2.1-or-later
// Job files, see corral-job(5): a JSON object of the interface's type JobSpec.
#pragma once

#include "ipc/json.h"

#include <stddef.h>

#define JOB_FILE_MAX (1024 * 1024)

// Reads a file ("-": standard input) into a JobSpec that has been checked. Negative errno, told with the file and the
// field.
int job_file_read(const char *path, json_t **ret);

// Checks the text of a job file. -EBADMSG with what is wrong in ret_text (a new string, not escaped).
int job_file_parse(const char *text, size_t size, json_t **ret, char **ret_text);

// What a field must be, by its name alone; NULL when job files have no such field.
const char *job_file_expectation(const char *field);
