// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/connection.h"
#include "cli/history.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <stdlib.h>

static int print_entry(const json_t *reply, void *userdata) {
    const Arguments *arguments = userdata;
    const json_t *entry = json_object_get(reply, "entry");

    if (!json_is_object(entry))
        return 0; // the end of an empty list
    if (arguments_has(arguments, OPTION_JSON))
        output_json(reply);
    else
        history_print_line(entry);
    return output_flush();
}

int verb_history(const Arguments *arguments) {
    Reference reference;

    if (operand_reference(arguments, arguments->operands[0], false, &reference) < 0)
        return EXIT_USAGE;
    json_t *parameters = memory_json(json_pack("{s:I}", "job", (json_int_t)reference.job));
    int r = connection_stream(arguments, "GetHistory", parameters, print_entry, (void *)arguments);
    return r < 0 && output_flush() == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
