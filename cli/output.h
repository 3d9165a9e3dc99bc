// SPDX-License-Identifier: LGPL-2.1-or-later
// Standard output of the program. A reader that has gone away is no failure; a full disk is one.
#pragma once

#include "ipc/json.h"

// Prints a value as one line of JSON, characters that control a terminal escaped.
void output_json(const json_t *value);

// Writes out what is buffered. Negative errno when that failed, now or before: nothing more will be read.
int output_flush(void);

// The same at the end of the program. Returns status, or EXIT_FAILURE after telling what went wrong.
int output_finish(int status);
