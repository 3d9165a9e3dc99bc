// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/submission.h"
#include "cli/verbs.h"

#include <stdlib.h>

int verb_new(const Arguments *arguments) {
    int64_t id;

    int status = submission_make(arguments, "AddJob", &id);
    if (status == EXIT_SUCCESS)
        submission_print(arguments, id);
    return status;
}
