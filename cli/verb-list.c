// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/clock.h"
#include "cli/format.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/selection.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_PIECE 250 // rows printed at once

static const Column columns[] = {
    { .title = "JOB", .right = true },
    { .title = "NAME", .cut = true },
    { .title = "STATUS" },
    { .title = "OWNER", .spare = 1 },
    { .title = "PRIORITY", .spare = 3 },
    { .title = "TASKS", .right = true },
    { .title = "CREATED", .spare = 4 },
    { .title = "ELAPSED", .right = true, .spare = 2 },
    { .title = "REASON", .cut = true },
};

typedef struct Listing {
    const Arguments *arguments;
    Table *table;
    uint64_t now;
} Listing;

// Finished tasks of all.
static char *format_tasks(const json_t *job) {
    const json_t *tasks = json_object_get(job, "tasks");
    StatusCounts counts = status_counts_read(tasks);

    if (!json_is_object(tasks))
        return NULL;
    return memory_printf("%" PRId64 "/%" PRId64, counts.of[STATUS_FINISHED], status_counts_total(&counts));
}

// Why it waits or is not finished: the first that is known.
static char *format_reason(const json_t *job) {
    static const char *const members[] = { "pendingReason", "cancelMessage", "errorMessage", "cause" };
    const char *status = json_string_value(json_object_get(job, "status"));

    if (status && strcmp(status, status_name(STATUS_FINISHED)) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *text = json_string_value(json_object_get(job, members[i]));
        if (text && text[0])
            return text_escaped(text);
    }
    return NULL;
}

static void print_piece(Listing *listing) {
    table_print(listing->table, stdout, terminal_columns(), terminal_coloured());
}

static int take_job(const json_t *reply, void *userdata) {
    const json_t *job = json_object_get(reply, "job");
    Listing *listing = userdata;
    Table *table = listing->table;

    if (arguments_has(listing->arguments, OPTION_JSON)) {
        output_json(reply);
        return output_flush();
    }
    char *status = format_field(job, "status", FIELD_TEXT);
    table_add(table, format_field(job, "id", FIELD_NUMBER), STYLE_PLAIN);
    table_add(table, format_field(job, "name", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, status, status_style(status));
    table_add(table, format_field(job, "owner", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, format_field(job, "priority", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, format_tasks(job), STYLE_PLAIN);
    table_add(table, format_field(job, "createTime", FIELD_TIME), STYLE_PLAIN);
    table_add(table, format_elapsed(job, "startTime", "endTime", listing->now), STYLE_PLAIN);
    table_add(table, format_reason(job), STYLE_PLAIN);
    if (table_rows(table) >= TABLE_PIECE)
        print_piece(listing);
    return output_flush();
}

int verb_list(const Arguments *arguments) {
    AUTO_JSON json_t *filter = memory_json(json_object());
    AUTO_TABLE Table *table = table_new(columns, sizeof columns / sizeof *columns);
    Listing listing = { .arguments = arguments, .table = table, .now = clock_realtime() };

    if (selection_filter(arguments, false, filter) < 0)
        return EXIT_USAGE;
    int r = selection_walk(arguments, filter, take_job, &listing);
    if (output_flush() < 0)
        return EXIT_SUCCESS;
    if (r >= 0 && !arguments_has(arguments, OPTION_JSON))
        print_piece(&listing);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
