// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789"
#define USEC_PER_HOUR (3600 * USEC_PER_SEC)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)

typedef struct Unit {
    const char *name;
    uint64_t usec;
} Unit;

// Reads length decimal digits. -ERANGE when the number is beyond 64 bits.
static int parse_digits(const char *digits, size_t length, uint64_t *ret) {
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digits[i] - '0'), &value))
            return -ERANGE;
    *ret = value;
    return 0;
}

int parse_uint64(const char *text, uint64_t *ret) {
    size_t length = strspn(text, DIGITS);

    if (length == 0 || text[length] != '\0')
        return -EINVAL;
    return parse_digits(text, length, ret);
}

int parse_int64(const char *text, int64_t minimum, int64_t maximum, int64_t *ret) {
    bool negative = text[0] == '-';
    uint64_t magnitude;

    int r = parse_uint64(text + negative, &magnitude);
    if (r < 0)
        return r;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    // Negated while unsigned: the magnitude of INT64_MIN is no int64_t.
    int64_t value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    if (value < minimum || value > maximum)
        return -ERANGE;
    *ret = value;
    return 0;
}

// The unit that text starts with, up to the next number, space or end; NULL when there is none of that name.
static const Unit *unit_find(const char *text, size_t length) {
    static const Unit units[] = {
        { "us", 1 },
        { "ms", USEC_PER_MSEC },
        { "s", USEC_PER_SEC },
        { "m", USEC_PER_MINUTE },
        { "min", USEC_PER_MINUTE },
        { "h", USEC_PER_HOUR },
        { "d", USEC_PER_DAY },
        { "w", 7 * USEC_PER_DAY },
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == length && memcmp(units[i].name, text, length) == 0)
            return &units[i];
    return NULL;
}

// unit times the decimal fraction with these digits, cut off: from the last digit to the first, which keeps every step
// exact and small.
static uint64_t fraction_of(uint64_t unit, const char *digits, size_t length) {
    uint64_t value = 0;

    while (length > 0)
        value = ((uint64_t)(digits[--length] - '0') * unit + value) / 10;
    return value;
}

// Reads one "<number>[.<digits>][<unit>]" and adds it to the sum. Advances text behind it.
static int parse_duration_part(const char **text, bool alone, uint64_t *sum) {
    const char *whole = *text, *fraction = NULL;
    size_t n_whole = strspn(whole, DIGITS), n_fraction = 0;
    const char *end = whole + n_whole;
    uint64_t usec = USEC_PER_SEC, value;

    if (n_whole == 0)
        return -EINVAL;
    if (*end == '.') {
        fraction = end + 1;
        n_fraction = strspn(fraction, DIGITS);
        if (n_fraction == 0)
            return -EINVAL;
        end = fraction + n_fraction;
    }
    size_t n_unit = strcspn(end, DIGITS " ");
    if (n_unit > 0) {
        const Unit *unit = unit_find(end, n_unit);
        if (!unit)
            return -EINVAL;
        usec = unit->usec;
        end += n_unit;
    } else if (!alone || *end != '\0')
        return -EINVAL;
    *text = end;

    int r = parse_digits(whole, n_whole, &value);
    if (r < 0)
        return r;
    if (__builtin_mul_overflow(value, usec, &value) ||
        __builtin_add_overflow(value, fraction_of(usec, fraction, n_fraction), &value) ||
        __builtin_add_overflow(*sum, value, sum))
        return -ERANGE;
    return 0;
}

int parse_duration(const char *text, uint64_t *ret_usec) {
    const char *rest = text;
    uint64_t sum = 0;
    int result = 0;

    do {
        int r = parse_duration_part(&rest, rest == text, &sum);
        if (r == -ERANGE)
            result = r; // keep reading: malformed text further on is the better answer
        else if (r < 0)
            return r;
        while (*rest == ' ' && rest[1] != '\0')
            rest++;
    } while (*rest != '\0');
    if (result == 0)
        *ret_usec = sum;
    return result;
}

char *format_duration(char buffer[static FORMAT_DURATION_MAX], uint64_t usec) {
    static const Unit units[] = {
        { "d", USEC_PER_DAY }, { "h", USEC_PER_HOUR },  { "m", USEC_PER_MINUTE },
        { "s", USEC_PER_SEC }, { "ms", USEC_PER_MSEC }, { "us", 1 },
    };
    const size_t n_units = sizeof units / sizeof *units;
    size_t i = 0;

    if (usec == 0)
        return strcpy(buffer, "0s");
    while (usec < units[i].usec)
        i++;
    int length = snprintf(buffer, FORMAT_DURATION_MAX, "%" PRIu64 "%s", usec / units[i].usec, units[i].name);
    usec %= units[i].usec;
    if (i + 1 < n_units && usec >= units[i + 1].usec)
        (void)snprintf(buffer + length, FORMAT_DURATION_MAX - (size_t)length, " %" PRIu64 "%s",
                       usec / units[i + 1].usec, units[i + 1].name);
    return buffer;
}
