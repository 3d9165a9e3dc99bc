// SPDX-License-Identifier: LGPL-2.1-or-later
// Cancel, and print the receipt of each element: what was stopped, and how long each step took.
#include "base/log.h"
#include "base/utf8.h"
#include "cli/batch.h"
#include "cli/errors.h"
#include "cli/format.h"
#include "cli/job-spec.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/processes.h"
#include "cli/selection.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#define PER_CALL 1000 // what the agent takes in one call

static int make_options(const Arguments *arguments, json_t **ret) {
    const char *message = arguments->value[OPTION_MESSAGE];
    AUTO_JSON json_t *options = memory_json(json_object());
    int64_t grace;
    size_t characters;

    if (message && utf8_count(message, strlen(message), &characters) < 0)
        return arguments_complain(arguments, "the message is not UTF-8");
    if (message)
        memory_set(options, "message", json_string(message));
    int r = duration_option(arguments, OPTION_GRACE, &grace);
    if (r < 0)
        return r;
    if (r > 0)
        memory_set(options, "gracePeriod", json_integer(grace));
    if (arguments_has(arguments, OPTION_FORCE))
        memory_set(options, "force", json_true());
    memory_set(options, "wait", json_boolean(!arguments_has(arguments, OPTION_NO_WAIT)));
    *ret = TAKE_PTR(options);
    return 0;
}

typedef struct ReceiptPart {
    const char *member;
    const char *one, *many; // for counts, what was counted; for durations, what came after it
} ReceiptPart;

// "3 tasks failed, 14 processes killed"; counts that are null or 0 are left out.
static void print_counts(const json_t *result) {
    static const ReceiptPart parts[] = {
        { "tasksFailed", "task failed", "tasks failed" },
        { "tasksCanceled", "task canceled", "tasks canceled" },
        { "processesKilled", "process killed", "processes killed" },
    };
    const char *separator = ": ";

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_int_t count = json_integer_value(json_object_get(result, parts[i].member));
        if (count <= 0)
            continue;
        printf("%s%" JSON_INTEGER_FORMAT " %s", separator, count, count == 1 ? parts[i].one : parts[i].many);
        separator = ", ";
    }
}

// "; frozen after 310us, killed after 350us, empty after 5ms, recorded after 6ms"
static void print_times(const json_t *result) {
    static const ReceiptPart parts[] = {
        { "frozenAfter", "frozen", NULL },
        { "killedAfter", "killed", NULL },
        { "emptyAfter", "empty", NULL },
        { "recordedAfter", "recorded", NULL },
    };
    const char *separator = "; ";

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        AUTO_FREE char *duration = format_field(result, parts[i].member, FIELD_DURATION);
        if (!duration)
            continue;
        printf("%s%s after %s", separator, parts[i].one, duration);
        separator = ", ";
    }
}

// Of one that was no error: answered at the deadline although something still runs. Which processes is not always known
// by then.
static bool is_stuck(const json_t *result) {
    return json_array_size(json_object_get(result, "stuck")) > 0 ||
           json_is_string(json_object_get(result, "errorMessage"));
}

// Returns whether it was done.
static bool print_result(const Reference *reference, const json_t *result) {
    AUTO_FREE char *status = format_field(result, "status", FIELD_TEXT);
    char element[REFERENCE_TEXT_MAX];

    (void)reference_format(element, *reference);
    if (json_is_string(json_object_get(result, "error"))) {
        AUTO_FREE char *text = error_text_of_result(result);
        log_error("%s: %s", element, text);
        return false;
    }
    const char *begin = terminal_coloured() ? style_begin(status_style(status)) : "";
    printf("%s %s%s%s", element, begin, status ? status : "-", begin[0] ? style_end() : "");
    print_counts(result);
    print_times(result);
    putchar('\n');
    if (!is_stuck(result))
        return true;
    (void)output_flush();
    const json_t *stuck = json_object_get(result, "stuck");
    if (json_array_size(stuck) > 0)
        processes_complain_stuck(stuck);
    else
        log_error("%s: %s", element, json_string_value(json_object_get(result, "errorMessage")));
    log_error("%s: the agent keeps trying; 'corral show %s' tells how it stands", element, element);
    return false;
}

// One that was chosen, and was over before it could be canceled, is as wanted.
static bool was_over(const json_t *result) {
    const char *error = json_string_value(json_object_get(result, "error"));

    return error && strcmp(error, "InvalidState") == 0;
}

static bool is_done(const json_t *result) {
    return !json_is_string(json_object_get(result, "error")) && !is_stuck(result);
}

// Cancels so many as go into one call. Returns whether all is done.
static bool cancel_some(const Arguments *arguments, const Reference *references, size_t n, const json_t *options) {
    AUTO_JSON json_t *results = NULL;
    bool done = true;

    if (batch_call(arguments, "CancelJobs", "CancelTasks", references, n, options, &results) < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *result = json_array_get(results, i);
        if (selection_given(arguments) && was_over(result))
            continue;
        done &= arguments_has(arguments, OPTION_JSON) ? is_done(result) : print_result(&references[i], result);
    }
    return done;
}

typedef struct Chosen {
    Reference *references;
    size_t n;
} Chosen;

static int choose(const json_t *reply, void *userdata) {
    const json_t *job = json_object_get(reply, "job");
    const char *name = json_string_value(json_object_get(job, "status"));
    Chosen *chosen = userdata;
    Status status;

    if (name && status_from_name(name, &status) >= 0 && status_is_over(status))
        return 0;
    chosen->references = reallocarray(chosen->references, chosen->n + 1, sizeof *chosen->references);
    memory_require(chosen->references != NULL);
    chosen->references[chosen->n++] = (Reference){ .job = json_integer_value(json_object_get(job, "id")) };
    return 0;
}

// All are chosen before the first is canceled: what is submitted meanwhile was not meant.
static int cancel_chosen(const Arguments *arguments, const json_t *options) {
    AUTO_JSON json_t *filter = memory_json(json_object());
    Chosen chosen = { 0 };
    bool done = true;

    if (selection_filter(arguments, true, filter) < 0)
        return EXIT_USAGE;
    if (selection_walk(arguments, filter, choose, &chosen) < 0)
        done = false;
    for (size_t i = 0; i < chosen.n && done; i += PER_CALL) {
        size_t n = chosen.n - i < PER_CALL ? chosen.n - i : PER_CALL;
        done = cancel_some(arguments, chosen.references + i, n, options);
    }
    free(chosen.references);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_cancel(const Arguments *arguments) {
    AUTO_FREE Reference *references = NULL;
    AUTO_JSON json_t *options = NULL;

    if (make_options(arguments, &options) < 0)
        return EXIT_USAGE;
    if (selection_given(arguments) != (arguments->n_operands == 0)) {
        (void)arguments_complain(arguments, "name jobs, or choose them with --all, --state or --user");
        return EXIT_USAGE;
    }
    if (selection_given(arguments))
        return cancel_chosen(arguments, options);
    if (operands_references(arguments, true, &references) < 0)
        return EXIT_USAGE;
    return cancel_some(arguments, references, arguments->n_operands, options) ? EXIT_SUCCESS : EXIT_FAILURE;
}
