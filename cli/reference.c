// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/reference.h"

#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Digits of INT64_MAX, and a NUL.
#define NUMBER_MAX 20

static int parse_number(const char *text, size_t length, int64_t *ret) {
    char digits[NUMBER_MAX];

    if (length == 0 || length >= sizeof digits || text[0] < '1' || text[0] > '9')
        return -EINVAL;
    memcpy(digits, text, length);
    digits[length] = '\0';
    return parse_int64(digits, 1, INT64_MAX, ret) < 0 ? -EINVAL : 0;
}

int reference_parse(const char *text, Reference *ret) {
    size_t length = strcspn(text, ".");
    Reference reference = { 0 };

    if (parse_number(text, length, &reference.job) < 0)
        return -EINVAL;
    if (text[length] == '.' && parse_number(text + length + 1, strlen(text + length + 1), &reference.task) < 0)
        return -EINVAL;
    *ret = reference;
    return 0;
}

char *reference_format(char buffer[static REFERENCE_TEXT_MAX], Reference reference) {
    if (reference.task > 0)
        (void)snprintf(buffer, REFERENCE_TEXT_MAX, "%" PRId64 ".%" PRId64, reference.job, reference.task);
    else
        (void)snprintf(buffer, REFERENCE_TEXT_MAX, "%" PRId64, reference.job);
    return buffer;
}
