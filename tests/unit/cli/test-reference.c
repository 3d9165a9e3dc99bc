// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/reference.h"

#include <criterion/criterion.h>
#include <errno.h>

static void expect(const char *text, int64_t job, int64_t task) {
    char formatted[REFERENCE_TEXT_MAX];
    Reference reference = { -1, -1 };

    cr_expect_eq(reference_parse(text, &reference), 0, "'%s'", text);
    cr_expect(reference.job == job && reference.task == task, "'%s'", text);
    cr_expect_str_eq(reference_format(formatted, reference), text);
}

Test(reference, names_jobs_and_tasks) {
    expect("1", 1, 0);
    expect("12.3", 12, 3);
    expect("9223372036854775807.9223372036854775807", INT64_MAX, INT64_MAX);
}

Test(reference, is_strict) {
    const char *wrong[] = { "",    "0",    "01",   "-1",    "+1",  " 1",    "1 ",  "1.",   ".1",
                            "1.0", "1.01", "1..2", "1.2.3", "1,2", "x",     "1.x", "0x1",  "9223372036854775808",
                            ".",   "1.-2", "１",   "1. 2",  "1\n", "1.2\n", "1e3", "1.+1", "99999999999999999999999" };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Reference reference = { -1, -1 };
        cr_expect_eq(reference_parse(wrong[i], &reference), -EINVAL, "'%s'", wrong[i]);
        cr_expect(reference.job == -1 && reference.task == -1, "'%s'", wrong[i]);
    }
}
