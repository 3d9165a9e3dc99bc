// SPDX-License-Identifier: LGPL-2.1-or-later
// One transition as one line, as the verbs history and watch show it.
#pragma once

#include "ipc/json.h"

// Prints "<time>  <job[.task]>  <from> -> <to>  <cause>  <actor>  <message>" of a HistoryEntry.
void history_print_line(const json_t *entry);
