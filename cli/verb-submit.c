// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/connection.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/submission.h"
#include "cli/verbs.h"
#include "cli/waiting.h"

#include <stdlib.h>

static int refuse_beside_id(const Arguments *arguments) {
    for (Option option = OPTION_NAME; option <= OPTION_FILE; option++)
        if (arguments_has(arguments, option))
            return arguments_complain(arguments, "--id goes with --wait alone: the job is there already");
    if (arguments->n_operands > 0)
        return arguments_complain(arguments, "COMMAND and --id exclude each other");
    return 0;
}

// Submits a job that was made with `new`.
static int submit_existing(const Arguments *arguments, int64_t *ret_id) {
    AUTO_JSON json_t *reply = NULL;
    Reference reference;

    if (refuse_beside_id(arguments) < 0 ||
        operand_reference(arguments, arguments->value[OPTION_ID], false, &reference) < 0)
        return EXIT_USAGE;
    json_t *parameters = memory_json(json_pack("{s:[I]}", "jobs", (json_int_t)reference.job));
    if (connection_call(arguments, "SubmitJobs", parameters, &reply) < 0)
        return EXIT_FAILURE;
    *ret_id = reference.job;
    return EXIT_SUCCESS;
}

int verb_submit(const Arguments *arguments) {
    int64_t id;
    int status;

    if (arguments_has(arguments, OPTION_ID)) {
        status = submit_existing(arguments, &id);
    } else if (arguments->n_operands == 0 && !arguments_has(arguments, OPTION_FILE)) {
        (void)arguments_complain(arguments, "a COMMAND, --file or --id is missing");
        return EXIT_USAGE;
    } else {
        status = submission_make(arguments, "QueueJob", &id);
    }
    if (status != EXIT_SUCCESS)
        return status;
    submission_print(arguments, id);
    if (!arguments_has(arguments, OPTION_WAIT))
        return EXIT_SUCCESS;
    (void)output_flush(); // the id is wanted before the end; what goes wrong is told then
    return wait_for_jobs(arguments, &id, 1, UINT64_MAX);
}
