// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/parameters.h"

#include "base/log.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define YEARS_10 (3650 * USEC_PER_DAY)

typedef enum Unit {
    UNIT_DAYS, // a decimal number
    UNIT_DURATION,
    UNIT_PLAIN,
} Unit;

static const struct {
    const char *name;
    Unit unit;
    uint64_t standard, minimum, maximum; // standard: the default
    const char *description;
} rows[_PARAMETER_LAST + 1] = {
    [PARAMETER_TTL_COMPLETED_JOBS] = { "TTLCompletedJobs", UNIT_DAYS, 5 * USEC_PER_DAY, 0, 10 * YEARS_10,
                                       "Days that jobs stay on record after their end." },
    [PARAMETER_CANCEL_GRACE_PERIOD] = { "CancelGracePeriod", UNIT_DURATION, 0, 0, YEARS_10,
                                        "Time between SIGTERM and the kill when a job is canceled; 0s: no SIGTERM." },
    [PARAMETER_KILL_DEADLINE] = { "KillDeadline", UNIT_DURATION, 10 * USEC_PER_SEC, USEC_PER_MSEC, USEC_PER_DAY,
                                  "Time after which a cancel answers although something outlived the kill." },
    [PARAMETER_OUTPUT_LIMIT] = { "OutputLimit", UNIT_PLAIN, UINT64_C(16) << 20, 0, UINT64_C(1) << 40,
                                 "Bytes kept of each output stream of an attempt." },
    [PARAMETER_SLOTS] = { "Slots", UNIT_PLAIN, 0, 1, 1000000, "How many tasks run at once." },
    [PARAMETER_JOB_RUN_TIME] = { "JobRunTime", UNIT_DURATION, 0, 0, YEARS_10,
                                 "Run-time limit of jobs that ask for none; 0s: none." },
    [PARAMETER_TASK_RETRY_COUNT] = { "TaskRetryCount", UNIT_PLAIN, 3, 0, 1000000,
                                     "How often a task runs again in one run of its job after the machine went down." },
};

#define VALUE_TEXT_MAX 48

static uint64_t default_value(Parameter parameter) {
    if (parameter == PARAMETER_SLOTS) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        return processors > 0 ? (uint64_t)processors : 1;
    }
    return rows[parameter].standard;
}

int parameters_load(Parameters *parameters, Store *store) {
    Parameters loaded;

    for (Parameter parameter = 0; parameter <= _PARAMETER_LAST; parameter++) {
        AUTO_FREE char *text = NULL;
        loaded.value[parameter] = default_value(parameter);
        int r = store_get_parameter(store, rows[parameter].name, &text);
        if (r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        r = parameter_parse(parameter, text, &loaded.value[parameter]);
        if (r < 0)
            log_errno(LOG_WARNING, r, "the parameter %s was set to \"%s\": using the default", rows[parameter].name,
                      text);
    }
    *parameters = loaded;
    return 0;
}

int parameter_from_name(const char *name, Parameter *ret) {
    for (Parameter parameter = 0; parameter <= _PARAMETER_LAST; parameter++)
        if (strcasecmp(rows[parameter].name, name) == 0) {
            *ret = parameter;
            return 0;
        }
    return -ENOENT;
}

const char *parameter_name(Parameter parameter) {
    return rows[parameter].name;
}

static int parse_days(const char *text, uint64_t *ret) {
    char with_unit[VALUE_TEXT_MAX];

    size_t size = strlen(text);
    if (size == 0 || size > sizeof with_unit - 2 || strspn(text, "0123456789.") != size)
        return -EINVAL;
    (void)snprintf(with_unit, sizeof with_unit, "%sd", text);
    return parse_duration(with_unit, ret);
}

int parameter_parse(Parameter parameter, const char *text, uint64_t *ret) {
    uint64_t value = 0;
    int r = -EINVAL;

    switch (rows[parameter].unit) {
    case UNIT_DAYS:
        r = parse_days(text, &value);
        break;
    case UNIT_DURATION:
        r = parse_duration(text, &value);
        break;
    case UNIT_PLAIN:
        r = parse_uint64(text, &value);
        break;
    }
    if (r < 0)
        return r;
    if (value < rows[parameter].minimum || value > rows[parameter].maximum)
        return -ERANGE;
    *ret = value;
    return 0;
}

// As it could be set, and exactly: format_duration() leaves out what is small.
static void format_value(Parameter parameter, uint64_t value, char ret[static VALUE_TEXT_MAX]) {
    switch (rows[parameter].unit) {
    case UNIT_DAYS:
        if (value % USEC_PER_DAY == 0)
            (void)snprintf(ret, VALUE_TEXT_MAX, "%" PRIu64, value / USEC_PER_DAY);
        else
            (void)snprintf(ret, VALUE_TEXT_MAX, "%.9f", (double)value / (double)USEC_PER_DAY);
        break;
    case UNIT_DURATION:
        if (value % USEC_PER_SEC == 0)
            (void)snprintf(ret, VALUE_TEXT_MAX, "%" PRIu64 "s", value / USEC_PER_SEC);
        else if (value % USEC_PER_MSEC == 0)
            (void)snprintf(ret, VALUE_TEXT_MAX, "%" PRIu64 "ms", value / USEC_PER_MSEC);
        else
            (void)snprintf(ret, VALUE_TEXT_MAX, "%" PRIu64 "us", value);
        break;
    case UNIT_PLAIN:
        (void)snprintf(ret, VALUE_TEXT_MAX, "%" PRIu64, value);
        break;
    }
    // "0.250000000" is "0.25".
    if (strchr(ret, '.'))
        for (char *last = ret + strlen(ret) - 1; *last == '0'; last--)
            *last = '\0';
}

json_t *parameter_range(Parameter parameter) {
    char minimum[VALUE_TEXT_MAX], maximum[VALUE_TEXT_MAX];

    format_value(parameter, rows[parameter].minimum, minimum);
    format_value(parameter, rows[parameter].maximum, maximum);
    return json_pack("{s:s,s:s,s:s}", "name", rows[parameter].name, "minimum", minimum, "maximum", maximum);
}

int parameter_to_json(const Parameters *parameters, Parameter parameter, json_t **ret) {
    char value[VALUE_TEXT_MAX], standard[VALUE_TEXT_MAX];

    format_value(parameter, parameters->value[parameter], value);
    format_value(parameter, default_value(parameter), standard);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "name", rows[parameter].name, "value", value, "default",
                               standard, "description", rows[parameter].description);
    if (!object)
        return -ENOMEM;
    *ret = object;
    return 0;
}
