// SPDX-License-Identifier: LGPL-2.1-or-later
// Values of the interface as people read them. All results are new strings, escaped; NULL for what is null or of
// another type than it should be.
#pragma once

#include "ipc/json.h"

#include <stddef.h>
#include <stdint.h>

// "2026-11-23 02:20:51", local time.
char *format_time(uint64_t usec);

// "512 B", "1.5 KiB", "16.0 MiB".
char *format_size(uint64_t bytes);

// "9 (KILL)".
char *format_signal(int64_t number);

typedef enum FieldKind {
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_BOOL, // yes, no
    FIELD_TIME,
    FIELD_DURATION,
    FIELD_SIZE,
    FIELD_SIGNAL,
    FIELD_COMMAND, // array of strings, quoted for a shell
    FIELD_LIST,    // array of strings
    FIELD_COUNTS,  // TaskCounts
} FieldKind;

// A member of an object.
char *format_field(const json_t *object, const char *name, FieldKind kind);

// How a task or attempt ended: "exit 3", "signal 9 (KILL)".
char *format_end(const json_t *object);

// A duration between two members of an object that are times; up to now when the second is null.
char *format_elapsed(const json_t *object, const char *from, const char *to, uint64_t now);

typedef struct Field {
    const char *name;
    FieldKind kind;
} Field;

// Prints the fields that are not null, one a line, by the names that they have in the interface.
void format_fields(const json_t *object, const Field *fields, size_t n_fields);
