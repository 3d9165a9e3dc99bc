// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define UNTOUCHED 4242

static void expect_uint64(const char *text, int result, uint64_t value) {
    uint64_t parsed = UNTOUCHED;

    cr_expect_eq(parse_uint64(text, &parsed), result, "parse_uint64(\"%s\")", text);
    cr_expect_eq(parsed, result < 0 ? UNTOUCHED : value, "\"%s\" gave %ju", text, (uintmax_t)parsed);
}

Test(parse_uint64, takes_decimal_numbers) {
    expect_uint64("0", 0, 0);
    expect_uint64("00", 0, 0);
    expect_uint64("007", 0, 7);
    expect_uint64("18446744073709551615", 0, UINT64_MAX);
    expect_uint64("00000000000000000000000018446744073709551615", 0, UINT64_MAX);
}

Test(parse_uint64, refuses_what_does_not_fit) {
    expect_uint64("18446744073709551616", -ERANGE, 0);
    expect_uint64("18446744073709551620", -ERANGE, 0);
    expect_uint64("99999999999999999999999999", -ERANGE, 0);
}

Test(parse_uint64, refuses_everything_else) {
    const char *malformed[] = { "",    " ",    "-1",  "-0",  "+1",  " 1",  "1 ",
                                "1\n", "0x10", "1e3", "1.0", "1,0", "abc", "99999999999999999999999999x",
                                "٣",   "1_0",  "１２" };

    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        expect_uint64(malformed[i], -EINVAL, 0);
}

static void expect_int64(const char *text, int64_t minimum, int64_t maximum, int result, int64_t value) {
    int64_t parsed = UNTOUCHED;

    cr_expect_eq(parse_int64(text, minimum, maximum, &parsed), result, "parse_int64(\"%s\")", text);
    cr_expect_eq(parsed, result < 0 ? UNTOUCHED : value, "\"%s\" gave %jd", text, (intmax_t)parsed);
}

Test(parse_int64, takes_both_signs) {
    expect_int64("0", INT64_MIN, INT64_MAX, 0, 0);
    expect_int64("-0", INT64_MIN, INT64_MAX, 0, 0);
    expect_int64("-17", INT64_MIN, INT64_MAX, 0, -17);
    expect_int64("9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX);
    expect_int64("-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN);
}

Test(parse_int64, keeps_the_limits_given) {
    expect_int64("4000", 0, 4000, 0, 4000);
    expect_int64("4001", 0, 4000, -ERANGE, 0);
    expect_int64("-1", 0, 4000, -ERANGE, 0);
    expect_int64("-5", -5, -5, 0, -5);
    expect_int64("9223372036854775808", INT64_MIN, INT64_MAX, -ERANGE, 0);
    expect_int64("-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 0);
    expect_int64("-18446744073709551615", INT64_MIN, INT64_MAX, -ERANGE, 0);
    expect_int64("-18446744073709551616", INT64_MIN, INT64_MAX, -ERANGE, 0);
}

Test(parse_int64, refuses_everything_else) {
    const char *malformed[] = { "", "-", "--1", "- 1", "+1", "-1x", "1-" };

    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        expect_int64(malformed[i], INT64_MIN, INT64_MAX, -EINVAL, 0);
}

static void expect_duration(const char *text, int result, uint64_t value) {
    uint64_t parsed = UNTOUCHED;

    cr_expect_eq(parse_duration(text, &parsed), result, "parse_duration(\"%s\")", text);
    cr_expect_eq(parsed, result < 0 ? UNTOUCHED : value, "\"%s\" gave %ju", text, (uintmax_t)parsed);
}

Test(parse_duration, takes_every_unit) {
    expect_duration("85us", 0, 85);
    expect_duration("500ms", 0, 500 * USEC_PER_MSEC);
    expect_duration("90s", 0, 90 * USEC_PER_SEC);
    expect_duration("3m", 0, 180 * USEC_PER_SEC);
    expect_duration("3min", 0, 180 * USEC_PER_SEC);
    expect_duration("2h", 0, 7200 * USEC_PER_SEC);
    expect_duration("1d", 0, USEC_PER_DAY);
    expect_duration("2w", 0, 14 * USEC_PER_DAY);
    expect_duration("0w", 0, 0);
}

Test(parse_duration, takes_a_bare_number_as_seconds) {
    expect_duration("90", 0, 90 * USEC_PER_SEC);
    expect_duration("0", 0, 0);
    expect_duration("0.25", 0, 250 * USEC_PER_MSEC);
}

Test(parse_duration, adds_parts) {
    expect_duration("2h30m", 0, 9000 * USEC_PER_SEC);
    expect_duration("1h 5m", 0, 3900 * USEC_PER_SEC);
    expect_duration("1s1s1s", 0, 3 * USEC_PER_SEC);
    expect_duration("1m  1us", 0, 60 * USEC_PER_SEC + 1);
}

Test(parse_duration, takes_fractions_exactly) {
    expect_duration("1.5h", 0, 5400 * USEC_PER_SEC);
    expect_duration("0.1s", 0, 100 * USEC_PER_MSEC);
    expect_duration("0.000001s", 0, 1);
    expect_duration("0.0000019s", 0, 1);
    expect_duration("0.5us", 0, 0);
    expect_duration("0.3333333333333333333333333333333333333333w", 0, 201600 * USEC_PER_SEC - 1);
    expect_duration("0.9999999999999999999999999999999999999999s", 0, USEC_PER_SEC - 1);
}

Test(parse_duration, refuses_what_does_not_fit) {
    expect_duration("18446744073709551615us", 0, UINT64_MAX);
    expect_duration("18446744073709551616us", -ERANGE, 0);
    expect_duration("18446744073709551615us 1us", -ERANGE, 0);
    expect_duration("18446744073709", 0, UINT64_C(18446744073709) * USEC_PER_SEC);
    expect_duration("18446744073710", -ERANGE, 0);
    expect_duration("18446744073709.6", -ERANGE, 0);
    expect_duration("30500568w", 0, UINT64_C(30500568) * 7 * USEC_PER_DAY);
    expect_duration("30500569w", -ERANGE, 0);
    expect_duration("99999999999999999999999999999999w", -ERANGE, 0);
}

Test(parse_duration, refuses_everything_else) {
    const char *malformed[] = {
        "",      " ",    "s",    "-1s",    "+1s",  " 1s",   "1s ", "1 s",  "1.s",
        ".5s",   "1.",   "1..5", "1.5.5s", "1S",   "1hour", "1 2", "2h30", "2h 30",
        "30 2h", "1e3s", "0x1s", "1s,1s",  "1s\n", "inf",   "nan", "1y",   "99999999999999999999999999999999w x"
    };

    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        expect_duration(malformed[i], -EINVAL, 0);
}

static void expect_format(uint64_t usec, const char *text) {
    char buffer[FORMAT_DURATION_MAX];

    cr_expect_eq(format_duration(buffer, usec), buffer);
    cr_expect_str_eq(buffer, text);
}

Test(format_duration, shows_the_two_greatest_units) {
    expect_format(0, "0s");
    expect_format(85, "85us");
    expect_format(340 * USEC_PER_MSEC, "340ms");
    expect_format(1500 * USEC_PER_MSEC, "1s 500ms");
    expect_format(12 * USEC_PER_SEC, "12s");
    expect_format(59 * USEC_PER_SEC + 999999, "59s 999ms");
    expect_format(3900 * USEC_PER_SEC, "1h 5m");
    expect_format(3605 * USEC_PER_SEC, "1h");
    expect_format(USEC_PER_DAY - 1, "23h 59m");
    expect_format(USEC_PER_DAY, "1d");
    expect_format(UINT64_MAX, "213503982d 8h");
}

Test(format_duration, is_read_back_by_parse_duration) {
    const uint64_t values[] = { 0, 1, 999, 1001, 61 * USEC_PER_SEC, 3900 * USEC_PER_SEC, 49 * 3600 * USEC_PER_SEC };
    char buffer[FORMAT_DURATION_MAX];

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        expect_duration(format_duration(buffer, values[i]), 0, values[i]);
}
