// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/submission.h"

#include "base/log.h"
#include "cli/connection.h"
#include "cli/job-file.h"
#include "cli/job-spec.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

// A file says everything about a job: no option may contradict it.
static int refuse_beside_file(const Arguments *arguments) {
    for (Option option = OPTION_NAME; option <= OPTION_ENVIRONMENT; option++)
        if (arguments_has(arguments, option))
            return arguments_complain(arguments, "-%c and --file exclude each other", option_rows[option].letter);
    if (arguments->n_operands > 0)
        return arguments_complain(arguments, "COMMAND and --file exclude each other");
    return 0;
}

static int make_spec(const Arguments *arguments, json_t **ret) {
    const char *file = arguments->value[OPTION_FILE];
    int r;

    if (!file) {
        r = job_spec_make(arguments, arguments->operands, arguments->n_operands, ret);
        return r == -EINVAL ? EXIT_USAGE : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (refuse_beside_file(arguments) < 0)
        return EXIT_USAGE;
    return job_file_read(file, ret) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int submission_make(const Arguments *arguments, const char *method, int64_t *ret_id) {
    AUTO_JSON json_t *spec = NULL, *reply = NULL;

    int status = make_spec(arguments, &spec);
    if (status != EXIT_SUCCESS)
        return status;
    if (connection_call(arguments, method, memory_json(json_pack("{s:o}", "job", TAKE_PTR(spec))), &reply) < 0)
        return EXIT_FAILURE;
    const json_t *id = json_object_get(reply, "id");
    if (!json_is_integer(id)) {
        log_error("the agent told no id; do corral and corrald differ in version?");
        return EXIT_FAILURE;
    }
    *ret_id = json_integer_value(id);
    return EXIT_SUCCESS;
}

void submission_print(const Arguments *arguments, int64_t id) {
    if (arguments_has(arguments, OPTION_JSON)) {
        AUTO_JSON json_t *reply = memory_json(json_pack("{s:I}", "id", (json_int_t)id));
        output_json(reply);
    } else {
        printf("%" PRId64 "\n", id);
    }
}
