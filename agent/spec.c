// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/spec.h"

#include "agent/users.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "cgroup/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIELD_MAX 256
#define USER_MAX_CHARACTERS 80
#define SLOTS_MAX 1000000
#define DURATION_MAX (INT64_C(3650) * 86400 * 1000000) // ten years
#define UMASK_DEFAULT 022

#define MEMORY_MIN 65536              // the largest page of any machine: less is no limit but a refusal
#define MEMORY_MAX (INT64_C(1) << 60) // what the kernel can hold
#define PROCESSES_MAX 4194304         // likewise
#define CPU_MAX (INT64_C(100) * SLOTS_MAX)

// One check of one specification.
typedef struct Check {
    const SpecContext *context;
    const json_t *spec;
    const char *path;
    SpecError *error;
} Check;

// ---- errors ----

// Each returns 1, or -ENOMEM. field is relative to the path of the check.

static int refuse(SpecError *error, const char *name, json_t *parameters) {
    if (!parameters)
        return -ENOMEM;
    *error = (SpecError){ .name = name, .parameters = parameters };
    return 1;
}

static int field_path(const Check *check, const char *field, char ret[static FIELD_MAX]) {
    return snprintf(ret, FIELD_MAX, "%s.%s", check->path, field) < FIELD_MAX ? 0 : -E2BIG;
}

static int invalid(const Check *check, const char *field) {
    char path[FIELD_MAX];

    int r = field_path(check, field, path);
    return r < 0 ? r
                 : refuse(check->error, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", path));
}

static int invalid_element(const Check *check, const char *field, size_t i) {
    char element[64];

    (void)snprintf(element, sizeof element, "%s[%zu]", field, i);
    return invalid(check, element);
}

static int too_long(const Check *check, const char *field, size_t limit, size_t length) {
    char path[FIELD_MAX];

    int r = field_path(check, field, path);
    return r < 0 ? r
                 : refuse(check->error, "io.corral.Jobs.TooLong",
                          json_pack("{s:s, s:I, s:I}", "parameter", path, "limit", (json_int_t)limit, "length",
                                    (json_int_t)length));
}

static int too_many(const Check *check, const char *field, size_t limit, size_t count) {
    char path[FIELD_MAX];

    int r = field_path(check, field, path);
    return r < 0 ? r
                 : refuse(check->error, "io.corral.Jobs.TooMany",
                          json_pack("{s:s, s:I, s:I}", "parameter", path, "limit", (json_int_t)limit, "count",
                                    (json_int_t)count));
}

static int denied(const Check *check) {
    return refuse(check->error, "io.corral.Jobs.PermissionDenied", json_object());
}

// ---- fields ----

// Whether the field is there and not null.
static const json_t *get(const Check *check, const char *field) {
    const json_t *value = json_object_get(check->spec, field);

    return json_is_null(value) ? NULL : value;
}

static bool has_nul(const json_t *string) {
    return strlen(json_string_value(string)) != json_string_length(string);
}

// An absent number keeps what *ret is.
static int check_number(const Check *check, const char *field, int64_t minimum, int64_t maximum, uint64_t *ret) {
    const json_t *value = get(check, field);

    if (!value)
        return 0;
    if (json_integer_value(value) < minimum || json_integer_value(value) > maximum)
        return invalid(check, field);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

// 0, or -EINVAL for control characters and what is no text.
static int count_characters(const char *text, size_t size, size_t *ret) {
    size_t n = 0;

    while (size > 0) {
        uint32_t character;
        ssize_t taken = utf8_decode(text, size, &character);
        if (taken < 0 || character < 0x20 || (character >= 0x7f && character <= 0x9f))
            return -EINVAL;
        text += taken;
        size -= (size_t)taken;
        n++;
    }
    *ret = n;
    return 0;
}

// A name of limited length; an absent one keeps what *ret is.
static int check_name(const Check *check, const char *field, size_t limit, char **ret) {
    const json_t *value = get(check, field);
    size_t n = 0;

    if (!value)
        return 0;
    if (count_characters(json_string_value(value), json_string_length(value), &n) < 0)
        return invalid(check, field);
    if (n > limit)
        return too_long(check, field, limit, n);
    *ret = strdup(json_string_value(value));
    return *ret ? 0 : -ENOMEM;
}

static int check_path(const Check *check, const char *field, bool absolute) {
    const json_t *value = get(check, field);

    if (!value)
        return 0;
    if (json_string_length(value) == 0 || has_nul(value) || (absolute && json_string_value(value)[0] != '/'))
        return invalid(check, field);
    if (json_string_length(value) >= PATH_MAX)
        return too_long(check, field, PATH_MAX - 1, json_string_length(value));
    return 0;
}

static int check_environment(const Check *check) {
    const json_t *array = get(check, "environment");
    size_t bytes = 0, n = json_array_size(array);

    if (n > SPEC_ENVIRONMENT_MAX)
        return too_many(check, "environment", SPEC_ENVIRONMENT_MAX, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *element = json_array_get(array, i);
        const char *text = json_string_value(element), *equals = strchr(text, '=');
        if (!equals || equals == text || has_nul(element) || strncmp(text, "CORRAL_", 7) == 0)
            return invalid_element(check, "environment", i);
        bytes += json_string_length(element) + 1;
    }
    return bytes > SPEC_ENVIRONMENT_BYTES_MAX ? too_long(check, "environment", SPEC_ENVIRONMENT_BYTES_MAX, bytes) : 0;
}

// ---- jobs ----

static int check_user(const Check *check, JobRecord *job) {
    const json_t *value = get(check, "user");
    AUTO_FREE char *name = NULL;
    const User *user;

    int r = check_name(check, "user", USER_MAX_CHARACTERS, &name);
    if (r != 0)
        return r;
    r = name ? user_by_name(name, &user) : user_by_uid(check->context->peer->uid, &user);
    if (r == -ENOENT)
        return refuse(check->error, "io.corral.Jobs.NoSuchUser", json_pack("{s:O}", "user", value));
    if (r < 0)
        return r;
    if (user->uid != check->context->peer->uid && check->context->peer->uid != 0)
        return denied(check);
    if (!launcher_allows(check->context->launcher, user->uid))
        return refuse(check->error, "io.corral.Jobs.UserNotAllowed", json_pack("{s:s}", "user", user->name));
    job->user_uid = user->uid;
    job->user = strdup(user->name);
    return job->user ? 0 : -ENOMEM;
}

static int set_owner(const Check *check, JobRecord *job) {
    const User *owner;

    job->owner_uid = check->context->peer->uid;
    int r = user_by_uid(job->owner_uid, &owner);
    if (r < 0)
        return r;
    job->owner = strdup(owner->name);
    return job->owner ? 0 : -ENOMEM;
}

// USER:TIME
static int set_default_name(const Check *check, JobRecord *job) {
    time_t seconds = (time_t)(check->context->now / USEC_PER_SEC);
    char text[32];
    struct tm utc;

    if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return -EINVAL;
    if (asprintf(&job->name, "%s:%s", job->owner, text) < 0) {
        job->name = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int check_priority(const Check *check, JobRecord *job) {
    const json_t *value = get(check, "priority");

    job->priority = PRIORITY_NORMAL;
    if (!value)
        return 0;
    if (priority_from_name(json_string_value(value), &job->priority) < 0)
        return invalid(check, "priority");
    return job->priority > PRIORITY_NORMAL && !check->context->administrator ? denied(check) : 0;
}

static int check_slots(const Check *check, JobRecord *job) {
    uint64_t minimum = 1, maximum = 0;
    uint32_t slots = check->context->slots < SLOTS_MAX ? check->context->slots : SLOTS_MAX;

    int r = check_number(check, "minSlots", 1, slots, &minimum);
    if (r == 0)
        r = check_number(check, "maxSlots", (int64_t)minimum, SLOTS_MAX, &maximum);
    job->min_slots = (uint32_t)minimum;
    job->max_slots = (uint32_t)maximum;
    return r;
}

static int check_process_limits(const Check *check) {
    const json_t *limits = get(check, "processLimits"), *value;
    const char *name;
    char field[64];

    json_object_foreach ((json_t *)limits, name, value) {
        int number;
        // An unknown name is not repeated: it may be anything.
        if (spec_process_limit_number(name, &number) < 0)
            return invalid(check, "processLimits");
        (void)snprintf(field, sizeof field, "processLimits.%s", name);
        if (json_integer_value(value) < 0)
            return invalid(check, field);
    }
    return 0;
}

static int check_limits(const Check *check) {
    static const struct {
        const char *field, *path;
        CgroupController controller;
        int64_t minimum, maximum;
    } rows[] = {
        { "memoryMax", "limits.memoryMax", CGROUP_MEMORY, MEMORY_MIN, MEMORY_MAX },
        { "processMax", "limits.processMax", CGROUP_PIDS, 1, PROCESSES_MAX },
        { "cpuMax", "limits.cpuMax", CGROUP_CPU, 1, CPU_MAX },
    };
    const json_t *limits = get(check, "limits");
    char path[FIELD_MAX];

    for (size_t i = 0; limits && i < sizeof rows / sizeof *rows; i++) {
        const json_t *value = json_object_get(limits, rows[i].field);
        if (!json_is_integer(value))
            continue;
        if (json_integer_value(value) < rows[i].minimum || json_integer_value(value) > rows[i].maximum)
            return invalid(check, rows[i].path);
        if (check->context->controllers & 1u << rows[i].controller)
            continue;
        int r = field_path(check, rows[i].path, path);
        return r < 0 ? r
                     : refuse(check->error, "io.corral.Jobs.ControllerMissing",
                              json_pack("{s:s, s:s}", "parameter", path, "controller",
                                        cgroup_controller_name(rows[i].controller)));
    }
    return 0;
}

static int check_job(const Check *check, JobRecord *job) {
    uint64_t mask = UMASK_DEFAULT;

    job->status = STATUS_NOT_SUBMITTED;
    job->create_time = check->context->now;
    job->run_time_limit = RECORD_INFINITE;
    job->grace_period = job->intent_grace = RECORD_UNKNOWN;

    int r = set_owner(check, job);
    if (r == 0)
        r = check_name(check, "name", NAME_MAX_CHARACTERS, &job->name);
    if (r == 0 && !job->name)
        r = set_default_name(check, job);
    if (r == 0)
        r = check_priority(check, job);
    if (r == 0)
        r = check_user(check, job);
    if (r == 0)
        r = check_slots(check, job);
    if (r == 0)
        r = check_number(check, "runTimeLimit", 1, DURATION_MAX, &job->run_time_limit);
    if (r == 0)
        r = check_number(check, "gracePeriod", 0, DURATION_MAX, &job->grace_period);
    if (r == 0)
        r = check_environment(check);
    if (r == 0)
        r = check_number(check, "umask", 0, 0777, &mask);
    if (r == 0)
        r = check_process_limits(check);
    return r == 0 ? check_limits(check) : r;
}

int job_spec_check(const SpecContext *context, const json_t *spec, const char *path, JobRecord *ret,
                   SpecError *ret_error) {
    Check check = { .context = context, .spec = spec, .path = path, .error = ret_error };

    *ret = (JobRecord){ 0 };
    return check_job(&check, ret);
}

CgroupLimits job_spec_limits(const json_t *spec) {
    const json_t *limits = json_object_get(spec, "limits");
    CgroupLimits result = { CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN };
    const struct {
        const char *field;
        uint64_t *value;
    } rows[] = {
        { "memoryMax", &result.memory_max },
        { "processMax", &result.process_max },
        { "cpuMax", &result.cpu_max },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *value = json_object_get(limits, rows[i].field);
        if (json_is_integer(value))
            *rows[i].value = (uint64_t)json_integer_value(value);
    }
    return result;
}

// ---- tasks ----

static int check_command(const Check *check) {
    const json_t *array = get(check, "command");
    size_t bytes = 0, n = json_array_size(array);

    if (n == 0)
        return invalid(check, "command");
    if (n > LAUNCH_ARGUMENTS_MAX)
        return too_many(check, "command", LAUNCH_ARGUMENTS_MAX, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *element = json_array_get(array, i);
        if (has_nul(element) || (i == 0 && json_string_length(element) == 0))
            return invalid_element(check, "command", i);
        bytes += json_string_length(element) + 1;
    }
    return bytes > SPEC_COMMAND_BYTES_MAX ? too_long(check, "command", SPEC_COMMAND_BYTES_MAX, bytes) : 0;
}

static int check_task(const Check *check, TaskRecord *task) {
    const json_t *rerunnable = get(check, "rerunnable");

    task->status = STATUS_NOT_SUBMITTED;
    task->create_time = check->context->now;
    task->exit_code = -1;
    task->rerunnable = !json_is_false(rerunnable);
    task->run_time_limit = RECORD_INFINITE;
    task->intent_grace = RECORD_UNKNOWN;

    int r = check_name(check, "name", NAME_MAX_CHARACTERS, &task->name);
    if (r == 0)
        r = check_command(check);
    if (r == 0)
        r = check_path(check, "workDirectory", true);
    if (r == 0)
        r = check_path(check, "stdin", false);
    if (r == 0)
        r = check_path(check, "stdout", false);
    if (r == 0)
        r = check_path(check, "stderr", false);
    if (r == 0)
        r = check_environment(check);
    return r == 0 ? check_number(check, "runTimeLimit", 1, DURATION_MAX, &task->run_time_limit) : r;
}

int task_spec_check(const SpecContext *context, const json_t *spec, const char *path, TaskRecord *ret,
                    SpecError *ret_error) {
    Check check = { .context = context, .spec = spec, .path = path, .error = ret_error };

    *ret = (TaskRecord){ 0 };
    return check_task(&check, ret);
}

int message_check(const char *message, SpecError *ret_error) {
    size_t n = 0;

    if (message && utf8_count(message, strlen(message), &n) < 0)
        return refuse(ret_error, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", "message"));
    if (n > MESSAGE_MAX_CHARACTERS)
        return refuse(ret_error, "io.corral.Jobs.MessageTooLong",
                      json_pack("{s:I, s:I}", "limit", (json_int_t)MESSAGE_MAX_CHARACTERS, "length", (json_int_t)n));
    return 0;
}
