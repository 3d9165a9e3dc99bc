// SPDX-License-Identifier: LGPL-2.1-or-later
// The statuses of the interface, and how many tasks are in each.
#pragma once

#include "cli/terminal.h"
#include "ipc/json.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum Status {
    STATUS_NOT_SUBMITTED,
    STATUS_QUEUED,
    STATUS_RUNNING,
    STATUS_CANCELING,
    STATUS_FINISHED,
    STATUS_FAILED,
    STATUS_CANCELED,
    _STATUS_LAST = STATUS_CANCELED
} Status;

// Its name in the interface.
const char *status_name(Status status);

// -EINVAL when there is no such status.
int status_from_name(const char *name, Status *ret);

// Whether the job or task is over: finished, failed or canceled.
bool status_is_over(Status status);

// How the name of a status is shown; plain for what is no status.
Style status_style(const char *name);

// Tasks by status.
typedef struct StatusCounts {
    int64_t of[_STATUS_LAST + 1];
} StatusCounts;

// Reads a TaskCounts of the interface; what is missing counts as 0.
StatusCounts status_counts_read(const json_t *counts);
int64_t status_counts_total(const StatusCounts *counts);
