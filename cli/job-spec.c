// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/job-spec.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "cli/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SLOTS_MAX INT32_MAX

int slots_parse(const char *text, int64_t *ret_min, int64_t *ret_max) {
    const char *dash = strchr(text, '-');
    int64_t min, max = 0;

    AUTO_FREE char *first = dash ? memory_printf("%.*s", (int)(dash - text), text) : memory_printf("%s", text);
    if (parse_int64(first, 1, SLOTS_MAX, &min) < 0)
        return -EINVAL;
    if (dash && parse_int64(dash + 1, min, SLOTS_MAX, &max) < 0)
        return -EINVAL;
    *ret_min = min;
    *ret_max = max;
    return 0;
}

const char *priority_find(const char *text) {
    static const char *const names[] = { "lowest", "belowNormal", "normal", "aboveNormal", "highest" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], text) == 0)
            return names[i];
    return NULL;
}

int duration_option(const Arguments *arguments, Option option, int64_t *ret) {
    const char *text = arguments->value[option];
    const OptionRow *row = &option_rows[option];
    uint64_t usec;

    if (!text)
        return 0;
    if (parse_duration(text, &usec) < 0 || usec > INT64_MAX)
        return arguments_complain(arguments, "'%s' is no %s: give a time such as 90s, 2h30m or 500ms", text,
                                  row->argument);
    *ret = (int64_t)usec;
    return 1;
}

// Adds a text; what is not UTF-8 cannot be told to the agent.
static int add_text(const Arguments *arguments, json_t *object, const char *name, const char *text) {
    size_t characters;

    if (!text)
        return 0;
    if (utf8_count(text, strlen(text), &characters) < 0)
        return arguments_complain(arguments, "'%s' is not UTF-8", text);
    memory_set(object, name, json_string(text));
    return 0;
}

static int add_texts(const Arguments *arguments, json_t *object, const char *name, const char *const *texts, size_t n) {
    json_t *array = memory_json(json_array());
    size_t characters;

    memory_set(object, name, array);
    for (size_t i = 0; i < n; i++) {
        if (utf8_count(texts[i], strlen(texts[i]), &characters) < 0)
            return arguments_complain(arguments, "'%s' is not UTF-8", texts[i]);
        memory_append(array, json_string(texts[i]));
    }
    return 0;
}

static int add_environment(const Arguments *arguments, json_t *object) {
    for (size_t i = 0; i < arguments->n_environment; i++) {
        const char *equals = strchr(arguments->environment[i], '=');
        if (!equals || equals == arguments->environment[i])
            return arguments_complain(arguments, "'%s' is not of the form NAME=VALUE", arguments->environment[i]);
    }
    if (arguments->n_environment == 0)
        return 0;
    return add_texts(arguments, object, "environment", arguments->environment, arguments->n_environment);
}

// The working directory is ours unless another is named; relative names are relative to ours.
static int add_directory(const Arguments *arguments, json_t *task) {
    const char *wanted = arguments->value[OPTION_DIRECTORY];

    if (wanted && wanted[0] == '/')
        return add_text(arguments, task, "workDirectory", wanted);
    AUTO_FREE char *current = getcwd(NULL, 0);
    if (!current || current[0] != '/') { // "(unreachable)/..." is none
        int error = current ? -ENOENT : -errno;
        return log_errno(LOG_ERR, error, "cannot tell the current directory, give one with -w");
    }
    AUTO_FREE char *joined = memory_printf("%s%s%s", current, wanted && current[1] ? "/" : "", wanted ? wanted : "");
    return add_text(arguments, task, "workDirectory", joined);
}

// What is of the task alone, on the command line of a job as well.
static int add_task(const Arguments *arguments, char *const *command, size_t n, json_t *task) {
    int r = add_texts(arguments, task, "command", (const char *const *)command, n);

    if (r >= 0)
        r = add_directory(arguments, task);
    if (r >= 0)
        r = add_text(arguments, task, "stdin", arguments->value[OPTION_STDIN]);
    if (r >= 0)
        r = add_text(arguments, task, "stdout", arguments->value[OPTION_STDOUT]);
    if (r >= 0)
        r = add_text(arguments, task, "stderr", arguments->value[OPTION_STDERR]);
    return r;
}

// What jobs and tasks both have.
static int add_common(const Arguments *arguments, json_t *object) {
    int64_t run_time = 0;

    int r = add_text(arguments, object, "name", arguments->value[OPTION_NAME]);
    if (r < 0)
        return r;
    r = duration_option(arguments, OPTION_RUN_TIME, &run_time);
    if (r < 0)
        return r;
    if (r > 0)
        memory_set(object, "runTimeLimit", json_integer(run_time));
    return add_environment(arguments, object);
}

static int add_job(const Arguments *arguments, json_t *job) {
    const char *priority = arguments->value[OPTION_PRIORITY], *slots = arguments->value[OPTION_SLOTS];
    int64_t min, max;

    if (priority) {
        const char *name = priority_find(priority);
        if (!name)
            return arguments_complain(
                arguments, "'%s' is no priority: give lowest, belowNormal, normal, aboveNormal or highest", priority);
        memory_set(job, "priority", json_string(name));
    }
    if (slots) {
        if (slots_parse(slots, &min, &max) < 0)
            return arguments_complain(arguments, "'%s' is not of the form MIN[-MAX], numbers from 1", slots);
        memory_set(job, "minSlots", json_integer(min));
        if (max > 0)
            memory_set(job, "maxSlots", json_integer(max));
    }
    return add_common(arguments, job);
}

int task_spec_make(const Arguments *arguments, char *const *command, size_t n, json_t **ret) {
    AUTO_JSON json_t *task = memory_json(json_object());

    int r = add_task(arguments, command, n, task);
    if (r >= 0)
        r = add_common(arguments, task);
    if (r >= 0)
        *ret = TAKE_PTR(task);
    return r < 0 ? r : 0;
}

// Options that say something about a task when there is none.
static int refuse_task_options(const Arguments *arguments) {
    static const Option of_task[] = { OPTION_DIRECTORY, OPTION_STDIN, OPTION_STDOUT, OPTION_STDERR };

    for (size_t i = 0; i < sizeof of_task / sizeof *of_task; i++)
        if (arguments_has(arguments, of_task[i]))
            return arguments_complain(arguments, "-%c needs a COMMAND", option_rows[of_task[i]].letter);
    return 0;
}

int job_spec_make(const Arguments *arguments, char *const *command, size_t n, json_t **ret) {
    AUTO_JSON json_t *job = memory_json(json_object()), *task = memory_json(json_object());

    int r = add_job(arguments, job);
    if (r < 0)
        return r;
    r = n > 0 ? add_task(arguments, command, n, task) : refuse_task_options(arguments);
    if (r < 0)
        return r;
    if (n > 0)
        memory_set(job, "tasks", memory_json(json_pack("[o]", TAKE_PTR(task))));
    *ret = TAKE_PTR(job);
    return 0;
}
