// SPDX-License-Identifier: LGPL-2.1-or-later
// Processes as the agent saw them: evidence, and what could not be killed.
#pragma once

#include "ipc/json.h"

#include <stdio.h>

// Prints an array of Process as a table; nothing when it is empty or no array.
void processes_print(const json_t *processes);

// Writes a line on standard error for each that could not be killed: pid, state, wait channel.
void processes_complain_stuck(const json_t *processes);
