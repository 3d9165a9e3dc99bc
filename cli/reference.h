// SPDX-License-Identifier: LGPL-2.1-or-later
// JOB[.TASK], as people name jobs and tasks.
#pragma once

#include <stdint.h>

typedef struct Reference {
    int64_t job;
    int64_t task; // 0: the job itself
} Reference;

// Decimal numbers from 1, without signs, blanks and leading zeros. -EINVAL.
int reference_parse(const char *text, Reference *ret);

#define REFERENCE_TEXT_MAX 48

// Returns buffer.
char *reference_format(char buffer[static REFERENCE_TEXT_MAX], Reference reference);
