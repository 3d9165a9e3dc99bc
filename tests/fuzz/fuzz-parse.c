// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers and durations from hostile text: no fault, and what is accepted is read back from its shown form.
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Shown with two units, a duration loses what is below them, and showing it again loses nothing more.
static void check_duration(uint64_t usec) {
    char shown[FORMAT_DURATION_MAX], again[FORMAT_DURATION_MAX];
    uint64_t parsed;

    if (parse_duration(format_duration(shown, usec), &parsed) < 0 || parsed > usec)
        abort();
    if (strcmp(format_duration(again, parsed), shown) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE char *text = strndup((const char *)data, size);
    uint64_t usec, number;
    int64_t integer;
    size_t characters;

    if (!text)
        abort();
    if (parse_duration(text, &usec) == 0)
        check_duration(usec);
    if (parse_uint64(text, &number) == 0 && parse_int64(text, INT64_MIN, INT64_MAX, &integer) == 0 &&
        (uint64_t)integer != number)
        abort();
    if (utf8_count((const char *)data, size, &characters) == 0 && (characters > size || characters < size / 4))
        abort();
    return 0;
}
