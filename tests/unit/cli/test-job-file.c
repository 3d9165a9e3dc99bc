// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/job-file.h"

#include "ipc/interfaces.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void expect_good(const char *text) {
    AUTO_FREE char *wrong = NULL;
    json_t *job = NULL;

    cr_expect_eq(job_file_parse(text, strlen(text), &job, &wrong), 0, "%s: %s", text, wrong ? wrong : "");
    cr_expect(json_is_object(job));
    json_decref(job);
}

static void expect_wrong(const char *text, const char *expected) {
    AUTO_FREE char *wrong = NULL;
    json_t *job = NULL;

    cr_expect_eq(job_file_parse(text, strlen(text), &job, &wrong), -EBADMSG, "%s", text);
    cr_expect_null(job);
    cr_expect(wrong && strstr(wrong, expected), "%s: '%s' instead of '%s'", text, wrong ? wrong : "", expected);
}

Test(job_file, may_be_empty_or_full) {
    expect_good("{}");
    expect_good(
        "{\"name\": \"x\", \"priority\": \"lowest\", \"user\": null, \"minSlots\": 1, \"maxSlots\": 2,\n"
        " \"runTimeLimit\": 1, \"gracePeriod\": 0, \"environment\": [\"A=1\"], \"umask\": 18,\n"
        " \"processLimits\": {\"nofile\": 64}, \"limits\": {\"memoryMax\": 1, \"processMax\": 1, \"cpuMax\": 50},\n"
        " \"tasks\": [{\"name\": \"t\", \"command\": [\"a\", \"b\"], \"workDirectory\": \"/\", \"stdin\": \"i\",\n"
        " \"stdout\": \"o\", \"stderr\": \"e\", \"environment\": [], \"runTimeLimit\": 5, \"rerunnable\": false}]}");
}

Test(job_file, errors_name_the_field_and_what_it_should_be) {
    expect_wrong("{\"tasks\": [{\"command\": [\"a\"]}, {\"command\": \"a b\"}]}",
                 "tasks[1].command: an array of strings, the program and its arguments is expected");
    expect_wrong("{\"tasks\": [{\"command\": [\"a\", 7]}]}", "command[1]: an array of strings");
    expect_wrong("{\"tasks\": [{}]}", "tasks[0].command: an array of strings");
    expect_wrong("{\"minSlots\": \"2\"}", "minSlots: a whole number is expected");
    expect_wrong("{\"minSlots\": 1.5}", "minSlots: a whole number");
    expect_wrong("{\"priority\": \"urgent\"}", "priority: one of \"lowest\"");
    expect_wrong("{\"processLimits\": {\"nofile\": \"x\"}}", "processLimits");
    expect_wrong("{\"processLimits\": {\"nofile\": \"x\"}}", "an object whose values are whole numbers");
    expect_wrong("{\"limits\": {\"memoryMax\": \"1G\"}}", "limits.memoryMax: a whole number, bytes");
}

Test(job_file, unknown_fields_are_refused) {
    expect_wrong("{\"colour\": []}", "colour: there is no such field");
    expect_wrong("{\"tasks\": [{\"command\": [], \"minslots\": 1}]}", "minslots: there is no such field");
}

Test(job_file, must_be_one_json_object) {
    expect_wrong("", "");
    expect_wrong("[]", "");
    expect_wrong("{", "");
    expect_wrong("{} {}", "");
    expect_wrong("{\"name\": \"a\", \"name\": \"b\"}", "");
    expect_wrong("{\"name\": \"\xff\"}", "");
}

// The names of the members of a type, one after another, in the text of the interface.
static void expect_expectations(const char *type) {
    const char *begin = strstr(ipc_interface_text_io_corral_jobs, type), *end = begin ? strstr(begin, "\n)") : NULL;
    size_t n = 0;

    cr_assert(end, "%s", type);
    for (const char *line = strchr(begin, '\n') + 1; line < end; line = strchr(line, '\n') + 1) {
        const char *name = line + strspn(line, " ");
        if (name[0] == '#')
            continue;
        AUTO_FREE char *field = strndup(name, strcspn(name, ":"));
        cr_expect(job_file_expectation(field), "%s %s", type, field);
        n++;
    }
    cr_expect_geq(n, 3, "%s", type);
}

Test(job_file, every_field_has_an_expectation) {
    expect_expectations("type JobSpec (");
    expect_expectations("type TaskSpec (");
    expect_expectations("type Limits (");
    cr_expect_null(job_file_expectation("nothing"));
}

Test(job_file, is_documented) {
    static const char *const types[] = { "type JobSpec (", "type TaskSpec (", "type Limits (" };
    size_t size = 0;
    AUTO_FREE char *page = NULL;
    FILE *file = fopen(CORRAL_SOURCE "/docs/man/corral-job.5", "re");

    cr_assert(file && getdelim(&page, &size, '\0', file) > 0 && fclose(file) == 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *begin = strstr(ipc_interface_text_io_corral_jobs, types[i]), *end = strstr(begin, "\n)");
        for (const char *line = strchr(begin, '\n') + 1; line < end; line = strchr(line, '\n') + 1) {
            const char *name = line + strspn(line, " ");
            char item[64];
            (void)snprintf(item, sizeof item, ".It Cm %.*s : ", (int)strcspn(name, ":"), name);
            cr_expect(name[0] == '#' || strstr(page, item), "'%s' is not in corral-job(5)", item);
        }
    }
}
