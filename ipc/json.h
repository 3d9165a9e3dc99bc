// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON in and out, with limits. The only place that parses or prints JSON (with Jansson); json_t is the value type of
// ipc/ and of those above it.
#pragma once

#include "base/buffer.h"
#include "base/cleanup.h"

#include <jansson.h>

#define IPC_JSON_DEPTH_MAX 32

static inline void cleanup_json(json_t *const *value) {
    json_decref(*value);
}
#define AUTO_JSON CLEANUP(cleanup_json)

// Parses size bytes as one JSON object. Refused: invalid UTF-8, duplicate keys, NUL characters in strings, nesting
// beyond IPC_JSON_DEPTH_MAX, numbers beyond 64 bits, anything behind the object. -EBADMSG for all of these, with a text
// for people in reterr_text (of text_size bytes) when it is not NULL; -ENOMEM.
int ipc_json_parse(const char *text, size_t size, json_t **ret, char *reterr_text, size_t text_size);

// Appends the compact text of a value. -ENOMEM.
int ipc_json_print(const json_t *value, Buffer *buffer);
