// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/parameters.h"

#include "base/parse.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NOT_SET UINT64_C(4711)

static const struct {
    Parameter parameter;
    const char *text;
    int result;
    uint64_t value;
    const char *shown;
} rows[] = {
    { PARAMETER_TTL_COMPLETED_JOBS, "5", 0, 5 * USEC_PER_DAY, "5" },
    { PARAMETER_TTL_COMPLETED_JOBS, "0", 0, 0, "0" },
    { PARAMETER_TTL_COMPLETED_JOBS, "0.25", 0, USEC_PER_DAY / 4, "0.25" },
    { PARAMETER_TTL_COMPLETED_JOBS, "10", 0, 10 * USEC_PER_DAY, "10" },
    { PARAMETER_TTL_COMPLETED_JOBS, "-1", -EINVAL, 0, NULL },
    { PARAMETER_TTL_COMPLETED_JOBS, "1h", -EINVAL, 0, NULL },
    { PARAMETER_TTL_COMPLETED_JOBS, "", -EINVAL, 0, NULL },
    { PARAMETER_TTL_COMPLETED_JOBS, ".", -EINVAL, 0, NULL },
    { PARAMETER_TTL_COMPLETED_JOBS, "36500", 0, 36500 * USEC_PER_DAY, "36500" },
    { PARAMETER_TTL_COMPLETED_JOBS, "36501", -ERANGE, 0, NULL },
    { PARAMETER_CANCEL_GRACE_PERIOD, "0", 0, 0, "0s" },
    { PARAMETER_CANCEL_GRACE_PERIOD, "1.5s", 0, 1500000, "1500ms" },
    { PARAMETER_CANCEL_GRACE_PERIOD, "2us", 0, 2, "2us" },
    { PARAMETER_CANCEL_GRACE_PERIOD, "3651d", -ERANGE, 0, NULL },
    { PARAMETER_KILL_DEADLINE, "1h 30m", 0, 5400 * USEC_PER_SEC, "5400s" },
    { PARAMETER_KILL_DEADLINE, "0", -ERANGE, 0, NULL },
    { PARAMETER_KILL_DEADLINE, "soon", -EINVAL, 0, NULL },
    { PARAMETER_OUTPUT_LIMIT, "0", 0, 0, "0" },
    { PARAMETER_OUTPUT_LIMIT, "1099511627776", 0, UINT64_C(1) << 40, "1099511627776" },
    { PARAMETER_OUTPUT_LIMIT, "1099511627777", -ERANGE, 0, NULL },
    { PARAMETER_OUTPUT_LIMIT, "1M", -EINVAL, 0, NULL },
    { PARAMETER_SLOTS, "1", 0, 1, "1" },
    { PARAMETER_SLOTS, "1000000", 0, 1000000, "1000000" },
    { PARAMETER_SLOTS, "0", -ERANGE, 0, NULL },
    { PARAMETER_SLOTS, "1000001", -ERANGE, 0, NULL },
    { PARAMETER_JOB_RUN_TIME, "0s", 0, 0, "0s" },
    { PARAMETER_JOB_RUN_TIME, "2h", 0, 7200 * USEC_PER_SEC, "7200s" },
};

Test(parameters, values) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parameters parameters = { 0 };
        uint64_t value = NOT_SET;
        cr_assert_eq(parameter_parse(rows[i].parameter, rows[i].text, &value), rows[i].result, "row %zu", i);
        cr_assert_eq(value, rows[i].result == 0 ? rows[i].value : NOT_SET, "row %zu", i);
        if (rows[i].result < 0)
            continue;
        parameters.value[rows[i].parameter] = value;
        AUTO_JSON json_t *object = NULL;
        cr_assert_eq(parameter_to_json(&parameters, rows[i].parameter, &object), 0);
        const char *shown = json_string_value(json_object_get(object, "value"));
        cr_assert_str_eq(shown, rows[i].shown);
        // What is shown can be set.
        cr_assert_eq(parameter_parse(rows[i].parameter, shown, &value), 0);
        cr_assert_eq(value, rows[i].value);
    }
}

Test(parameters, ranges) {
    for (Parameter each = 0; each <= _PARAMETER_LAST; each++) {
        AUTO_JSON json_t *range = parameter_range(each);
        const char *ends[] = { json_string_value(json_object_get(range, "minimum")),
                               json_string_value(json_object_get(range, "maximum")) };
        uint64_t value[2];

        cr_assert_str_eq(json_string_value(json_object_get(range, "name")), parameter_name(each));
        // Both ends can be set.
        for (size_t i = 0; i < 2; i++)
            cr_assert_eq(parameter_parse(each, ends[i], &value[i]), 0, "%s %s", parameter_name(each), ends[i]);
        cr_assert_lt(value[0], value[1]);
    }
}

Test(parameters, names) {
    Parameter parameter;

    for (Parameter each = 0; each <= _PARAMETER_LAST; each++) {
        cr_assert_eq(parameter_from_name(parameter_name(each), &parameter), 0);
        cr_assert_eq(parameter, each);
    }
    cr_assert_eq(parameter_from_name("ttlcompletedjobs", &parameter), 0);
    cr_assert_eq(parameter, PARAMETER_TTL_COMPLETED_JOBS);
    cr_assert_eq(parameter_from_name("Slot", &parameter), -ENOENT);
    cr_assert_eq(parameter_from_name("", &parameter), -ENOENT);
}

Test(parameters, load, .fini = scratch_remove) {
    const char *directory = scratch_make();
    Parameters parameters;
    Store *store;

    cr_assert_eq(store_open(directory, &store), 0);
    cr_assert_eq(parameters_load(&parameters, store), 0);
    cr_assert_eq(parameters.value[PARAMETER_TTL_COMPLETED_JOBS], 5 * USEC_PER_DAY);
    cr_assert_eq(parameters.value[PARAMETER_CANCEL_GRACE_PERIOD], 0);
    cr_assert_eq(parameters.value[PARAMETER_KILL_DEADLINE], 10 * USEC_PER_SEC);
    cr_assert_eq(parameters.value[PARAMETER_OUTPUT_LIMIT], 16777216);
    cr_assert_eq(parameters.value[PARAMETER_SLOTS], (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    cr_assert_eq(parameters.value[PARAMETER_JOB_RUN_TIME], 0);

    cr_assert_eq(store_set_parameter(store, "Slots", "17"), 0);
    cr_assert_eq(store_set_parameter(store, "KillDeadline", "no longer allowed"), 0);
    cr_assert_eq(parameters_load(&parameters, store), 0);
    cr_assert_eq(parameters.value[PARAMETER_SLOTS], 17);
    cr_assert_eq(parameters.value[PARAMETER_KILL_DEADLINE], 10 * USEC_PER_SEC);
    store_free(store);
}
