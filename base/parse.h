// SPDX-License-Identifier: LGPL-2.1-or-later
// Text to numbers and back. Parsers take the whole string or fail with -EINVAL (malformed) or -ERANGE.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_DAY (UINT64_C(86400) * USEC_PER_SEC)

int parse_uint64(const char *text, uint64_t *ret);

// A signed decimal within minimum and maximum.
int parse_int64(const char *text, int64_t minimum, int64_t maximum, int64_t *ret);

// "90", "90s", "1.5h", "2h30m", "500ms", "1d", "1h 5m": units us ms s m (min) h d w. A number without a unit is seconds
// and must stand alone. Result in microseconds, fractions of one cut off.
int parse_duration(const char *text, uint64_t *ret_usec);

#define FORMAT_DURATION_MAX 32

// Shortest two-unit form, such as "1h 5m", "12s", "340ms", "85us". Returns buffer.
char *format_duration(char buffer[static FORMAT_DURATION_MAX], uint64_t usec);
