// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists jobs, page by page, so that a million of them cost neither the agent nor us much memory.
#include "base/clock.h"
#include "cli/connection.h"
#include "cli/format.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 1000       // jobs asked for at once
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
    int64_t last;  // id of the last job seen
    size_t n_page; // jobs in this page
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

    if (!json_is_object(job))
        return 0; // the end of an empty list
    listing->last = json_integer_value(json_object_get(job, "id"));
    listing->n_page++;
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

static int parse_states(const Arguments *arguments, json_t *states) {
    AUTO_FREE char *list = memory_printf("%s", arguments->value[OPTION_STATE]);
    char *rest = list, *name;
    Status status;

    while ((name = strsep(&rest, ","))) {
        if (status_from_name(name, &status) < 0)
            return arguments_complain(arguments,
                                      "'%s' is no status: give some of notSubmitted, queued, running, canceling, "
                                      "finished, failed, canceled, with commas between them",
                                      name);
        memory_append(states, json_string(name));
    }
    return 0;
}

// What was asked for: by default the caller's jobs that are not over; --all lifts both limits, --user and --state
// replace one each.
static int make_filter(const Arguments *arguments, json_t *filter) {
    json_t *states = memory_json(json_array());
    bool all = arguments_has(arguments, OPTION_ALL);
    const char *user = arguments->value[OPTION_USER];

    if (arguments_has(arguments, OPTION_STATE)) {
        memory_set(filter, "status", states);
        if (parse_states(arguments, states) < 0)
            return -EINVAL;
    } else if (!all) {
        memory_set(filter, "status", states);
        for (Status status = 0; status <= _STATUS_LAST; status++)
            if (!status_is_over(status))
                memory_append(states, json_string(status_name(status)));
    } else {
        json_decref(states);
    }
    if (user && !json_object_set_new(filter, "owner", json_string(user)))
        return 0;
    if (user)
        return arguments_complain(arguments, "'%s' is not UTF-8", user);
    if (!all) {
        AUTO_FREE char *self = memory_printf("%ju", (uintmax_t)geteuid());
        memory_set(filter, "owner", json_string(self));
    }
    return 0;
}

int verb_list(const Arguments *arguments) {
    AUTO_JSON json_t *filter = memory_json(json_object());
    AUTO_TABLE Table *table = table_new(columns, sizeof columns / sizeof *columns);
    Listing listing = { .arguments = arguments, .table = table, .now = clock_realtime() };
    int r;

    if (make_filter(arguments, filter) < 0)
        return EXIT_USAGE;
    memory_set(filter, "limit", json_integer(PAGE));
    do {
        listing.n_page = 0;
        r = connection_stream(arguments, "ListJobs", json_deep_copy(filter), take_job, &listing);
        memory_set(filter, "after", json_integer(listing.last));
    } while (r >= 0 && listing.n_page == PAGE);
    if (output_flush() < 0)
        return EXIT_SUCCESS;
    if (r >= 0 && !arguments_has(arguments, OPTION_JSON))
        print_piece(&listing);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
