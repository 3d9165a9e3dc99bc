// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/connection.h"
#include "cli/job-spec.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdlib.h>

int verb_add(const Arguments *arguments) {
    AUTO_JSON json_t *task = NULL, *reply = NULL;
    char text[REFERENCE_TEXT_MAX];
    Reference reference;

    if (operand_reference(arguments, arguments->operands[0], false, &reference) < 0)
        return EXIT_USAGE;
    int r = task_spec_make(arguments, arguments->operands + 1, arguments->n_operands - 1, &task);
    if (r < 0)
        return r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
    json_t *parameters =
        memory_json(json_pack("{s:I, s:[o]}", "job", (json_int_t)reference.job, "tasks", TAKE_PTR(task)));
    if (connection_call(arguments, "AddTasks", parameters, &reply) < 0)
        return EXIT_FAILURE;
    reference.task = json_integer_value(json_array_get(json_object_get(reply, "ids"), 0));
    if (arguments_has(arguments, OPTION_JSON))
        output_json(reply);
    else
        puts(reference_format(text, reference));
    return EXIT_SUCCESS;
}
