// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.h"
#include "cli/batch.h"
#include "cli/errors.h"
#include "cli/format.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/verbs.h"

#include <stdlib.h>

// Returns whether it was done.
static bool print_result(const Reference *reference, const json_t *result) {
    AUTO_FREE char *status = format_field(result, "status", FIELD_TEXT);
    AUTO_FREE char *queued = format_field(result, "tasksQueued", FIELD_NUMBER);
    char element[REFERENCE_TEXT_MAX];

    (void)reference_format(element, *reference);
    if (json_is_string(json_object_get(result, "error"))) {
        AUTO_FREE char *text = error_text_of_result(result);
        log_error("%s: %s", element, text);
        return false;
    }
    printf("%s %s", element, status ? status : "-");
    if (queued)
        printf(": %s %s queued", queued,
               json_integer_value(json_object_get(result, "tasksQueued")) == 1 ? "task" : "tasks");
    putchar('\n');
    return true;
}

int verb_requeue(const Arguments *arguments) {
    AUTO_FREE Reference *references = NULL;
    AUTO_JSON json_t *options = memory_json(json_object()), *results = NULL;
    size_t n = arguments->n_operands;
    bool done = true;

    if (operands_references(arguments, true, &references) < 0)
        return EXIT_USAGE;
    if (batch_call(arguments, "RequeueJobs", "RequeueTasks", references, n, options, &results) < 0)
        return EXIT_FAILURE;
    for (size_t i = 0; i < n; i++) {
        const json_t *result = json_array_get(results, i);
        done &= arguments_has(arguments, OPTION_JSON) ? !json_is_string(json_object_get(result, "error"))
                                                      : print_result(&references[i], result);
    }
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
