// SPDX-License-Identifier: LGPL-2.1-or-later
// Memory for a program that runs once: without it there is nothing left to do but to say so. What the agent was asked
// to do is not touched by our end.
#pragma once

#include "base/buffer.h"
#include "base/cleanup.h"
#include "ipc/json.h"

#include <stdbool.h>
#include <stddef.h>

// Ends the program with exit status 1 unless an allocation succeeded.
void memory_require(bool allocated);

// Zeroed; never NULL.
void *memory_new(size_t n, size_t size);

// A new string, never NULL.
char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The bytes of a buffer as a new string, never NULL; the buffer is empty afterwards.
char *memory_text(Buffer *buffer);

// Takes over a new JSON value and returns it, never NULL. Only for values that fail for want of memory alone.
json_t *memory_json(json_t *value);

// Sets a member of an object; value is stolen and may not be NULL unless memory is out.
void memory_set(json_t *object, const char *name, json_t *value);
// Appends to an array, likewise.
void memory_append(json_t *array, json_t *value);
