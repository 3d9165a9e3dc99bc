// SPDX-License-Identifier: LGPL-2.1-or-later
// What processes were doing, as the launcher saw them: for records and for answers.
#pragma once

#include "agent/launcher/protocol.h"
#include "ipc/json.h"

#include <stddef.h>

// An array of Process. Negative errno.
int evidence_to_json(const InspectedProcess *processes, size_t n, json_t **ret);

// The same as text, for AttemptRecord.evidence; the caller frees. NULL when out of memory: the kill does not fail of
// that.
char *evidence_to_text(const InspectedProcess *processes, size_t n);
