// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/format.h"

#include "base/cleanup.h"
#include "cli/fields.h"
#include "cli/syscalls.h"
#include "ipc/interfaces.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static void use_utc(void) {
    (void)setenv("TZ", "UTC", 1);
    tzset();
}

TestSuite(format, .init = use_utc);

static void expect(const char *object, const char *name, FieldKind kind, const char *expected) {
    AUTO_JSON json_t *value = json_loads(object, 0, NULL);

    cr_assert(value, "%s", object);
    AUTO_FREE char *text = format_field(value, name, kind);
    if (expected)
        cr_expect_str_eq(text ? text : "(null)", expected);
    else
        cr_expect_null(text);
}

Test(format, shows_each_kind) {
    expect("{\"a\": \"x\\u001b\"}", "a", FIELD_TEXT, "x\\x1b");
    expect("{\"a\": -3}", "a", FIELD_NUMBER, "-3");
    expect("{\"a\": true}", "a", FIELD_BOOL, "yes");
    expect("{\"a\": false}", "a", FIELD_BOOL, "no");
    expect("{\"a\": 1700000000123456}", "a", FIELD_TIME, "2023-11-14 22:13:20");
    expect("{\"a\": 90000000}", "a", FIELD_DURATION, "1m 30s");
    expect("{\"a\": 9}", "a", FIELD_SIGNAL, "9 (KILL)");
    expect("{\"a\": 40}", "a", FIELD_SIGNAL, "40");
    expect("{\"a\": [\"sh\", \"-c\", \"a b\"]}", "a", FIELD_COMMAND, "sh -c 'a b'");
    expect("{\"a\": []}", "a", FIELD_LIST, "none");
    expect("{\"a\": {\"total\": 3, \"running\": 1, \"failed\": 2}}", "a", FIELD_COUNTS, "3: 1 running, 2 failed");
    expect("{\"a\": {\"total\": 0}}", "a", FIELD_COUNTS, "0");
}

Test(format, shows_nothing_for_what_is_not_known) {
    expect("{}", "a", FIELD_TEXT, NULL);
    expect("{\"a\": null}", "a", FIELD_TIME, NULL);
    expect("{\"a\": 1}", "a", FIELD_TEXT, NULL);
    expect("{\"a\": \"1\"}", "a", FIELD_NUMBER, NULL);
    expect("{\"a\": [1]}", "a", FIELD_COMMAND, NULL);
    expect("{\"a\": -1}", "a", FIELD_TIME, NULL);
    expect("{\"a\": 9223372036854775807}", "a", FIELD_DURATION, "106751991d 4h");
}

static void expect_size(uint64_t bytes, const char *expected) {
    AUTO_FREE char *text = format_size(bytes);

    cr_expect_str_eq(text, expected);
}

Test(format, shows_sizes) {
    expect_size(0, "0 B");
    expect_size(1023, "1023 B");
    expect_size(1536, "1.5 KiB");
    expect_size(16777216, "16.0 MiB");
    expect_size(1048575, "1.0 MiB");
    expect_size(UINT64_MAX, "16.0 EiB");
}

static void expect_end(const char *object, const char *expected) {
    AUTO_JSON json_t *value = json_loads(object, 0, NULL);
    AUTO_FREE char *text = format_end(value);

    if (expected)
        cr_expect_str_eq(text, expected);
    else
        cr_expect_null(text);
}

Test(format, shows_how_a_task_ended) {
    expect_end("{\"exitCode\": 3, \"signal\": null}", "exit 3");
    expect_end("{\"exitCode\": null, \"signal\": 15}", "signal 15 (TERM)");
    expect_end("{}", NULL);
}

Test(format, measures_times) {
    AUTO_JSON json_t *running = json_loads("{\"a\": 1000000}", 0, NULL);
    AUTO_JSON json_t *over = json_loads("{\"a\": 1000000, \"b\": 3000000}", 0, NULL);
    AUTO_FREE char *first = format_elapsed(running, "a", "b", 2000000);
    AUTO_FREE char *second = format_elapsed(over, "a", "b", 9000000);
    AUTO_FREE char *backwards = format_elapsed(running, "a", "b", 5);

    cr_expect_str_eq(first, "1s");
    cr_expect_str_eq(second, "2s");
    cr_expect_eq(backwards[0], '0', "%s", backwards);
    cr_expect_null(format_elapsed(running, "b", "a", 5));
}

Test(format, names_system_calls) {
    cr_expect_str_eq(syscall_name(SYS_read), "read");
    cr_expect_str_eq(syscall_name(SYS_clone3), "clone3");
    cr_expect_null(syscall_name(-1));
    cr_expect_null(syscall_name(100000));
}

// Whether the fields are members of a type or a method's reply, in the text from begin to the next line with ")".
static void expect_members(const char *begin, const Field *fields, size_t n, const char *elsewhere) {
    const char *end = strstr(begin, "\n)");

    cr_assert(end);
    for (const char *line = strchr(begin, '\n') + 1; line < end; line = strchr(line, '\n') + 1) {
        const char *name = line + strspn(line, " ");
        size_t length = strcspn(name, ":"), i = 0;
        if (name[0] == '#')
            continue;
        while (i < n && !(strlen(fields[i].name) == length && memcmp(fields[i].name, name, length) == 0))
            i++;
        AUTO_FREE char *copy = strndup(name, length);
        cr_expect(i < n || strstr(elsewhere, copy), "%s is not shown", copy);
    }
    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(begin, fields[i].name);
        cr_expect(found && found < end, "%s is not in the interface", fields[i].name);
    }
}

Test(format, knows_all_fields_of_the_interface) {
    const char *text = ipc_interface_text_io_corral_jobs;

    expect_members(strstr(text, "\ntype Job (") + 1, job_fields, n_job_fields, "stuck");
    expect_members(strstr(text, "\ntype Task (") + 1, task_fields, n_task_fields, "");
    expect_members(strstr(text, "\ntype Attempt (") + 1, attempt_fields, n_attempt_fields, "evidence");
    expect_members(strstr(text, "\ntype SelfTest (") + 1, self_test_fields, n_self_test_fields, "");
    expect_members(strstr(text, "\nmethod GetStatus(") + 1, status_fields, n_status_fields, "selfTest");
}
