// SPDX-License-Identifier: LGPL-2.1-or-later
// Waiting for jobs, as the verbs wait and submit --wait do.
#pragma once

#include "cli/arguments.h"

#include <stdint.h>

// Waits until all jobs are over, with a progress line on a terminal. deadline by clock_boottime(), UINT64_MAX: none.
// Returns the exit status: that of the first job, in the order given, which is not 0; EXIT_TIMEOUT; 1 after telling
// what went wrong. With --json prints what GetJob says of each.
int wait_for_jobs(const Arguments *arguments, const int64_t *ids, size_t n, uint64_t deadline);
