// SPDX-License-Identifier: LGPL-2.1-or-later
// One line on a terminal that tells how far tasks are, drawn again and again.
#pragma once

#include "cli/status.h"

#include <stdbool.h>

typedef struct Progress {
    bool shown;    // standard error is a terminal
    bool standing; // a line is there
} Progress;

Progress progress_begin(void);

// Draws the line, unless there is a single task: its end says all.
void progress_show(Progress *progress, const StatusCounts *counts);

// Removes it.
void progress_end(Progress *progress);

// "12/40 finished, 2 running, 1 failed", as a new string.
char *progress_text(const StatusCounts *counts);
