// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/errors.h"

#include "ipc/interfaces.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect(const char *error, const char *parameters, const char *expected) {
    AUTO_JSON json_t *object = json_loads(parameters, 0, NULL);

    cr_assert(object);
    AUTO_FREE char *text = error_text(error, object);
    cr_expect_str_eq(text, expected);
}

// Sets a value for each parameter of "error Name(a: int, b: ?string)".
static json_t *sample_parameters(const char *declaration) {
    json_t *parameters = json_object();
    char name[64], type[64];
    int used = 0;

    declaration = strchr(declaration, '(') + 1;
    while (sscanf(declaration, "%63[a-zA-Z]: %63[][a-zA-Z?]%n", name, type, &used) == 2) {
        json_object_set_new(parameters, name, strstr(type, "int") ? json_integer(7) : json_string("text"));
        declaration += used;
        declaration += strspn(declaration, ", ");
    }
    return parameters;
}

// Every error of an interface has a text of its own that uses parameters that the error has.
static void expect_texts(const char *interface, const char *prefix, size_t n_expected) {
    size_t n = 0;

    for (const char *at = interface; (at = strstr(at, "\nerror ")); n++) {
        char name[128];
        at += strlen("\nerror ");
        (void)snprintf(name, sizeof name, "%s%.*s", prefix, (int)strcspn(at, " ("), at);
        AUTO_JSON json_t *parameters = sample_parameters(at);
        AUTO_FREE char *text = error_text(name, parameters);
        cr_expect_null(strstr(text, "the agent answered"), "%s has no text", name);
        cr_expect_null(strchr(text, '{'), "%s: %s", name, text);
        cr_expect(!strstr(text, " ? ") && !strstr(text, "'?'") && !strstr(text, " ?."), "%s: %s", name, text);
        cr_expect_null(strchr(text, '\n'), "%s: %s", name, text);
    }
    cr_expect_geq(n, n_expected, "only %zu errors found", n);
}

Test(errors, of_the_interface_have_texts) {
    expect_texts(ipc_interface_text_io_corral_jobs, "io.corral.Jobs.", 16);
}

Test(errors, of_varlink_have_texts) {
    expect_texts(ipc_interface_text_org_varlink_service, "org.varlink.service.", 4);
}

Test(errors, name_what_they_are_about) {
    expect("io.corral.Jobs.NoSuchTask", "{\"job\": 12, \"task\": 3}",
           "job 12 has no task 3; 'corral show 12' lists its tasks");
    expect("io.corral.Jobs.InvalidState", "{\"job\": 12, \"task\": null, \"status\": \"finished\"}",
           "12 is finished, which does not allow this; see 'corral show 12'");
    expect("io.corral.Jobs.InvalidState", "{\"job\": 12, \"task\": 3, \"status\": \"running\"}",
           "12.3 is running, which does not allow this; see 'corral show 12.3'");
}

Test(errors, that_are_unknown_are_shown_whole) {
    expect("com.example.Odd", "{\"x\": 1}", "the agent answered com.example.Odd {\"x\":1}");
}

Test(errors, survive_missing_parameters) {
    expect("io.corral.Jobs.NoSuchUser", "{}", "there is no user '?' on this machine; see 'getent passwd'");
    expect("io.corral.Jobs.NoSuchUser", "{\"user\": [1]}", "there is no user '?' on this machine; see 'getent passwd'");
}

static void expect_result(const char *result, const char *expected) {
    AUTO_JSON json_t *object = json_loads(result, 0, NULL);

    cr_assert(object);
    AUTO_FREE char *text = error_text_of_result(object);
    cr_expect_str_eq(text, expected);
}

Test(errors, of_results_take_their_text_where_ours_needs_more) {
    expect_result("{\"job\": 4, \"error\": \"NoSuchJob\", \"errorMessage\": \"no such job\"}",
                  "there is no job 4 on record; 'corral list --all' shows those there are");
    expect_result("{\"job\": 4, \"error\": \"StoreNotWritable\", \"errorMessage\": \"the disk is full\"}",
                  "the disk is full");
    expect_result("{\"job\": 4, \"error\": \"Odd\", \"errorMessage\": \"something odd\"}", "something odd");
    expect_result("{\"job\": 4, \"error\": \"Odd\"}", "io.corral.Jobs.Odd");
}
