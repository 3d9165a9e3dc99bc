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

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define TABLE_PIECE 250 // rows printed at once

static const Column task_columns[] = {
    { .title = "TASK", .right = true },
    { .title = "NAME", .cut = true, .spare = 1 },
    { .title = "STATUS" },
    { .title = "END" },
    { .title = "CAUSE", .spare = 2 },
    { .title = "ATTEMPT", .right = true, .spare = 4 },
    { .title = "ELAPSED", .right = true, .spare = 3 },
    { .title = "COMMAND", .cut = true },
};

// Shows a job or a task. A reply of GetJob has only so many tasks: those of larger jobs are listed.
typedef struct Showing {
    const Arguments *arguments;
    Reference reference;
    json_t *reply; // of GetJob
    Table *table;
    uint64_t now;
} Showing;

static int add_task(Showing *showing, const json_t *task) {
    char *status = format_field(task, "status", FIELD_TEXT);
    Table *table = showing->table;

    table_add(table, format_field(task, "id", FIELD_NUMBER), STYLE_PLAIN);
    table_add(table, format_field(task, "name", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, status, status_style(status));
    table_add(table, format_end(task), STYLE_PLAIN);
    table_add(table, format_field(task, "cause", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, format_field(task, "attempt", FIELD_NUMBER), STYLE_PLAIN);
    table_add(table, format_elapsed(task, "startTime", "endTime", showing->now), STYLE_PLAIN);
    table_add(table, format_field(task, "command", FIELD_COMMAND), STYLE_PLAIN);
    if (table_rows(table) >= TABLE_PIECE)
        table_print(table, stdout, terminal_columns(), terminal_coloured());
    return output_flush();
}

static int take_row(const json_t *reply, void *userdata) {
    const json_t *task = json_object_get(reply, "task");

    return json_is_object(task) ? add_task(userdata, task) : 0; // no task: the end of an empty list
}

static int print_tasks(Showing *showing) {
    const json_t *tasks = json_object_get(showing->reply, "tasks");
    AUTO_TABLE Table *table = table_new(task_columns, sizeof task_columns / sizeof *task_columns);
    int r = 0;

    putchar('\n');
    showing->table = table;
    for (size_t i = 0; i < json_array_size(tasks) && r >= 0; i++)
        r = add_task(showing, json_array_get(tasks, i));
    if (!json_is_array(tasks))
        r = connection_stream(showing->arguments, "ListTasks",
                              memory_json(json_pack("{s:I}", "job", (json_int_t)showing->reference.job)), take_row,
                              showing);
    table_print(table, stdout, terminal_columns(), terminal_coloured());
    return r;
}

static int show_job(Showing *showing) {
    const json_t *job = json_object_get(showing->reply, "job"), *stuck = json_object_get(job, "stuck");
    StatusCounts counts = status_counts_read(json_object_get(job, "tasks"));

    format_fields(job, job_fields, n_job_fields);
    if (json_array_size(stuck) > 0) {
        puts("\nstuck: these processes cannot be killed");
        processes_print(stuck);
    }
    return status_counts_total(&counts) > 0 ? print_tasks(showing) : 0;
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

static int show_task(Showing *showing) {
    const json_t *tasks = json_object_get(showing->reply, "tasks"),
                 *attempts = json_object_get(showing->reply, "attempts");

    if (json_array_size(tasks) == 0) {
        log_error("permission denied: job %" PRId64 " belongs to somebody else", showing->reference.job);
        return -EACCES;
    }
    format_fields(json_array_get(tasks, 0), task_fields, n_task_fields);
    for (size_t i = 0; i < json_array_size(attempts); i++)
        print_attempt(json_array_get(attempts, i));
    if (!json_is_array(attempts))
        puts("\nThe task has more attempts than the agent tells at once.");
    return 0;
}

int verb_show(const Arguments *arguments) {
    AUTO_JSON json_t *reply = NULL;
    Showing showing = { .arguments = arguments, .now = clock_realtime() };
    int r = 0;

    if (operand_reference(arguments, arguments->operands[0], true, &showing.reference) < 0)
        return EXIT_USAGE;
    json_t *parameters = memory_json(json_pack("{s:I}", "id", (json_int_t)showing.reference.job));
    if (showing.reference.task > 0)
        memory_set(parameters, "task", json_integer(showing.reference.task));
    if (connection_call(arguments, "GetJob", parameters, &reply) < 0)
        return EXIT_FAILURE;
    showing.reply = reply;
    if (arguments_has(arguments, OPTION_JSON))
        output_json(reply);
    else
        r = showing.reference.task > 0 ? show_task(&showing) : show_job(&showing);
    return r < 0 && output_flush() == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
