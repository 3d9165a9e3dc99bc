// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch of a task, from what is on record to the bytes that the launcher takes apart.
#include "agent/spec.h"

#include "agent/users.h"
#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define FIXED_MAX 16 // variables of our own
#define UMASK_DEFAULT 022

static_assert(SPEC_COMMAND_BYTES_MAX + 2 * SPEC_ENVIRONMENT_BYTES_MAX + 4 * PATH_MAX +
                      LAUNCH_GROUPS_MAX * sizeof(uint32_t) + sizeof(LaunchRequest) + 2 * PATH_MAX <=
                  LAUNCHER_MESSAGE_MAX,
              "what the checks let through fits a packet, with room for the home directory and what else is ours");
static_assert(2 * SPEC_ENVIRONMENT_MAX + FIXED_MAX <= LAUNCH_ENVIRONMENT_MAX, "so does the environment");

static const struct {
    const char *name;
    int number;
} process_limits[] = {
    { "as", RLIMIT_AS },           { "core", RLIMIT_CORE },         { "cpu", RLIMIT_CPU },
    { "data", RLIMIT_DATA },       { "fsize", RLIMIT_FSIZE },       { "locks", RLIMIT_LOCKS },
    { "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
    { "nofile", RLIMIT_NOFILE },   { "nproc", RLIMIT_NPROC },       { "rss", RLIMIT_RSS },
    { "rtprio", RLIMIT_RTPRIO },   { "rttime", RLIMIT_RTTIME },     { "sigpending", RLIMIT_SIGPENDING },
    { "stack", RLIMIT_STACK },
};

int spec_process_limit_number(const char *name, int *ret) {
    for (size_t i = 0; i < sizeof process_limits / sizeof *process_limits; i++)
        if (strcmp(process_limits[i].name, name) == 0) {
            *ret = process_limits[i].number;
            return 0;
        }
    return -ENOENT;
}

// ---- environment ----

// NAME=VALUE, borrowed. Of several with one name the last counts.
typedef struct Variable {
    const char *text;
    size_t name_length;
    size_t order;
} Variable;

typedef struct Environment {
    Variable *variables;
    size_t n, allocated;
} Environment;

static void add_variable(Environment *environment, const char *text) {
    assert(environment->n < environment->allocated);
    environment->variables[environment->n] =
        (Variable){ .text = text, .name_length = strcspn(text, "="), .order = environment->n };
    environment->n++;
}

static void add_variables(Environment *environment, const json_t *array) {
    for (size_t i = 0; i < json_array_size(array); i++)
        add_variable(environment, json_string_value(json_array_get(array, i)));
}

static int compare_names(const Variable *left, const Variable *right) {
    size_t shorter = left->name_length < right->name_length ? left->name_length : right->name_length;
    int order = memcmp(left->text, right->text, shorter);

    if (order != 0)
        return order;
    return left->name_length < right->name_length ? -1 : left->name_length > right->name_length;
}

static int compare_variables(const void *a, const void *b) {
    const Variable *left = a, *right = b;
    int order = compare_names(left, right);

    if (order != 0)
        return order;
    return left->order < right->order ? -1 : left->order > right->order;
}

static void drop_duplicates(Environment *environment) {
    size_t kept = 0;

    qsort(environment->variables, environment->n, sizeof *environment->variables, compare_variables);
    for (size_t i = 0; i < environment->n; i++) {
        const Variable *next = &environment->variables[i + 1];
        if (i + 1 == environment->n || compare_names(&environment->variables[i], next) != 0)
            environment->variables[kept++] = environment->variables[i];
    }
    environment->n = kept;
}

typedef struct Fixed {
    char *texts[FIXED_MAX];
    size_t n;
} Fixed;

static void fixed_deinit(Fixed *fixed) {
    for (size_t i = 0; i < fixed->n; i++)
        free(fixed->texts[i]);
}

static int add_fixed(Fixed *fixed, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int add_fixed(Fixed *fixed, const char *format, ...) {
    va_list arguments;
    char *text;

    assert(fixed->n < FIXED_MAX);
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (n < 0)
        return -ENOMEM;
    fixed->texts[fixed->n++] = text;
    return 0;
}

static int make_fixed(const User *user, const AttemptKey *key, Fixed *fixed) {
    const char *path = user->uid == 0 ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                                      : "/usr/local/bin:/usr/bin:/bin";

    int r = add_fixed(fixed, "PATH=%s", path);
    if (r >= 0)
        r = add_fixed(fixed, "HOME=%s", user->home);
    if (r >= 0)
        r = add_fixed(fixed, "USER=%s", user->name);
    if (r >= 0)
        r = add_fixed(fixed, "LOGNAME=%s", user->name);
    if (r >= 0)
        r = add_fixed(fixed, "SHELL=%s", user->shell);
    if (r >= 0)
        r = add_fixed(fixed, "LANG=C.UTF-8");
    if (r >= 0)
        r = add_fixed(fixed, "CORRAL_JOB_ID=%" PRIu64, key->job);
    if (r >= 0)
        r = add_fixed(fixed, "CORRAL_TASK_ID=%u", key->task);
    if (r >= 0)
        r = add_fixed(fixed, "CORRAL_RUN=%u", key->run);
    if (r >= 0)
        r = add_fixed(fixed, "CORRAL_ATTEMPT=%u", key->attempt);
    return r;
}

// ---- the packet ----

static void set_process_limits(LaunchRequest *request, const json_t *limits) {
    const json_t *value;
    const char *name;
    int number;

    json_object_foreach ((json_t *)limits, name, value) {
        if (spec_process_limit_number(name, &number) < 0)
            continue;
        request->limits_set |= 1u << number;
        request->limits[number] = (uint64_t)json_integer_value(value);
    }
}

static int append_groups(Buffer *packet, const User *user) {
    for (size_t i = 0; i < user->n_groups; i++) {
        uint32_t group = user->groups[i];
        int r = buffer_append(packet, &group, sizeof group);
        if (r < 0)
            return r;
    }
    return 0;
}

static int append_string(Buffer *packet, const char *text) {
    return buffer_append(packet, text, strlen(text) + 1);
}

// A nullable string of the specification; otherwise stands for null.
static int append_field(Buffer *packet, const json_t *spec, const char *field, const char *otherwise) {
    const char *text = json_string_value(json_object_get(spec, field));

    return append_string(packet, text ? text : otherwise);
}

static int append_strings(Buffer *packet, const json_t *task_spec, const Environment *environment, const User *user) {
    const json_t *command = json_object_get(task_spec, "command");
    int r = 0;

    for (size_t i = 0; r >= 0 && i < json_array_size(command); i++)
        r = append_string(packet, json_string_value(json_array_get(command, i)));
    for (size_t i = 0; r >= 0 && i < environment->n; i++)
        r = append_string(packet, environment->variables[i].text);
    if (r >= 0)
        r = append_field(packet, task_spec, "workDirectory", user->home);
    if (r >= 0)
        r = append_field(packet, task_spec, "stdin", "");
    if (r >= 0)
        r = append_field(packet, task_spec, "stdout", "");
    return r < 0 ? r : append_field(packet, task_spec, "stderr", "");
}

// What of the user is needed after other look-ups is copied into the packet at once.
static int build(const json_t *job_spec, const json_t *task_spec, const User *user, const Environment *environment,
                 LaunchRequest *request, Buffer *packet) {
    CLEANUP(buffer_deinit) Buffer strings = BUFFER_NULL;
    const json_t *mask = json_object_get(job_spec, "umask");

    int r = append_strings(&strings, task_spec, environment, user);
    if (r < 0)
        return r;
    request->uid = user->uid;
    request->gid = user->gid;
    request->umask = json_is_integer(mask) ? (uint32_t)json_integer_value(mask) : UMASK_DEFAULT;
    request->n_groups = (uint32_t)user->n_groups;
    request->n_arguments = (uint32_t)json_array_size(json_object_get(task_spec, "command"));
    request->n_environment = (uint32_t)environment->n;
    request->strings_size = (uint32_t)buffer_size(&strings);
    set_process_limits(request, json_object_get(job_spec, "processLimits"));
    if (user->n_groups > LAUNCH_GROUPS_MAX ||
        sizeof *request + user->n_groups * sizeof(uint32_t) + buffer_size(&strings) > LAUNCHER_MESSAGE_MAX)
        return -E2BIG;
    r = buffer_append(packet, request, sizeof *request);
    if (r >= 0)
        r = append_groups(packet, user);
    return r < 0 ? r : buffer_append(packet, buffer_bytes(&strings), buffer_size(&strings));
}

// The user as the database knows it now. One that had a name and has none any more is gone; one that never had a name
// stays a number.
static int find_user(const JobRecord *job, const User **ret) {
    char number[16];

    int r = user_by_uid(job->user_uid, ret);
    if (r < 0)
        return r;
    (void)snprintf(number, sizeof number, "%u", (unsigned)job->user_uid);
    return (*ret)->known || strcmp(job->user, number) == 0 ? 0 : -ENOENT;
}

int launch_packet_build(const JobRecord *job, const json_t *job_spec, const json_t *task_spec, const AttemptKey *key,
                        uint64_t output_max, Buffer *packet) {
    const json_t *of_job = json_object_get(job_spec, "environment");
    const json_t *of_task = json_object_get(task_spec, "environment");
    LaunchRequest request = { .header = { LAUNCHER_VERSION, LAUNCHER_LAUNCH }, .key = *key, .output_max = output_max };
    CLEANUP(fixed_deinit) Fixed fixed = { 0 };
    const User *user;

    int r = find_user(job, &user);
    if (r >= 0)
        r = make_fixed(user, key, &fixed);
    if (r < 0)
        return r;
    size_t n = fixed.n + json_array_size(of_job) + json_array_size(of_task);
    AUTO_FREE Variable *variables = calloc(n, sizeof *variables);
    Environment environment = { .variables = variables, .allocated = n };
    if (!variables)
        return -ENOMEM;
    for (size_t i = 0; i < fixed.n; i++)
        add_variable(&environment, fixed.texts[i]);
    add_variables(&environment, of_job);
    add_variables(&environment, of_task);
    drop_duplicates(&environment);
    return build(job_spec, task_spec, user, &environment, &request, packet);
}
