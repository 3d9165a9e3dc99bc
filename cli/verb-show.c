// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/clock.h"
#include "base/log.h"
#include "cli/connection.h"
#include "cli/fields.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/processes.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include <stdlib.h>

static const Column task_columns[] = {
    { "TASK", true, false },   { "NAME", false, true },    { "STATUS", false, false }, { "END", false, false },
    { "CAUSE", false, false }, { "ATTEMPT", true, false }, { "ELAPSED", true, false }, { "COMMAND", false, true },
};

static void print_tasks(const json_t *tasks) {
    AUTO_TABLE Table *table = table_new(task_columns, sizeof task_columns / sizeof *task_columns);
    uint64_t now = clock_realtime();

    if (json_array_size(tasks) == 0)
        return;
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *task = json_array_get(tasks, i);
        char *status = format_field(task, "status", FIELD_TEXT);
        table_add(table, format_field(task, "id", FIELD_NUMBER), STYLE_PLAIN);
        table_add(table, format_field(task, "name", FIELD_TEXT), STYLE_PLAIN);
        table_add(table, status, status_style(status));
        table_add(table, format_end(task), STYLE_PLAIN);
        table_add(table, format_field(task, "cause", FIELD_TEXT), STYLE_PLAIN);
        table_add(table, format_field(task, "attempt", FIELD_NUMBER), STYLE_PLAIN);
        table_add(table, format_elapsed(task, "startTime", "endTime", now), STYLE_PLAIN);
        table_add(table, format_field(task, "command", FIELD_COMMAND), STYLE_PLAIN);
    }
    putchar('\n');
    table_print(table, stdout, terminal_columns(), terminal_coloured());
}

static void show_job(const json_t *reply) {
    const json_t *job = json_object_get(reply, "job"), *stuck = json_object_get(job, "stuck");

    format_fields(job, job_fields, n_job_fields);
    if (json_array_size(stuck) > 0) {
        puts("\nstuck: these processes cannot be killed");
        processes_print(stuck);
    }
    print_tasks(json_object_get(reply, "tasks"));
}

static void print_attempt(const json_t *attempt) {
    const json_t *evidence = json_object_get(attempt, "evidence");

    putchar('\n');
    // The job and the task stand above.
    format_fields(attempt, attempt_fields + 2, n_attempt_fields - 2);
    if (json_array_size(evidence) > 0) {
        puts("\nevidence: what its processes were doing when they were frozen");
        processes_print(evidence);
    }
}

static int show_task(const json_t *reply, const Reference *reference) {
    const json_t *tasks = json_object_get(reply, "tasks"), *attempts = json_object_get(reply, "attempts");
    const json_t *task = NULL;

    for (size_t i = 0; i < json_array_size(tasks) && !task; i++) {
        const json_t *candidate = json_array_get(tasks, i);
        if (json_integer_value(json_object_get(candidate, "id")) == reference->task)
            task = candidate;
    }
    if (!task && !json_is_array(tasks)) {
        log_error("permission denied: ask the owner of the job or an administrator");
        return EXIT_FAILURE;
    }
    if (!task) {
        log_error("job %jd has no task %jd; 'corral show %jd' lists its tasks", (intmax_t)reference->job,
                  (intmax_t)reference->task, (intmax_t)reference->job);
        return EXIT_FAILURE;
    }
    format_fields(task, task_fields, n_task_fields);
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        const json_t *attempt = json_array_get(attempts, i);
        if (json_integer_value(json_object_get(attempt, "task")) == reference->task)
            print_attempt(attempt);
    }
    return EXIT_SUCCESS;
}

int verb_show(const Arguments *arguments) {
    AUTO_JSON json_t *reply = NULL;
    Reference reference;

    if (operand_reference(arguments, arguments->operands[0], true, &reference) < 0)
        return EXIT_USAGE;
    json_t *parameters = memory_json(json_pack("{s:I}", "id", (json_int_t)reference.job));
    if (connection_call(arguments, "GetJob", parameters, &reply) < 0)
        return EXIT_FAILURE;
    if (arguments_has(arguments, OPTION_JSON))
        output_json(reply);
    else if (reference.task > 0)
        return show_task(reply, &reference);
    else
        show_job(reply);
    return EXIT_SUCCESS;
}
