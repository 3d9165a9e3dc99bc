// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/connection.h"
#include "cli/fields.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <stdlib.h>

int verb_status(const Arguments *arguments) {
    AUTO_JSON json_t *reply = NULL;

    if (connection_call(arguments, "GetStatus", NULL, &reply) < 0)
        return EXIT_FAILURE;
    if (arguments_has(arguments, OPTION_JSON)) {
        output_json(reply);
        return EXIT_SUCCESS;
    }
    format_fields(reply, status_fields, n_status_fields);
    puts("\nselfTest: what this machine can do");
    format_fields(json_object_get(reply, "selfTest"), self_test_fields, n_self_test_fields);
    return EXIT_SUCCESS;
}
