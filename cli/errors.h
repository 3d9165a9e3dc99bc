// SPDX-License-Identifier: LGPL-2.1-or-later
// Error replies as one clear line each that says what to do next.
#pragma once

#include "ipc/json.h"

// A new string, not escaped. error is the full name.
char *error_text(const char *error, const json_t *parameters);

// The text for an element of a result (CancelResult, RequeueResult) that has an error: from its errorMessage when our
// own text would need what the element does not tell.
char *error_text_of_result(const json_t *result);
