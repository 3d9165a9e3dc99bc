// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/clock.h"
#include "cli/job-spec.h"
#include "cli/operands.h"
#include "cli/verbs.h"
#include "cli/waiting.h"

#include <stdint.h>

int verb_wait(const Arguments *arguments) {
    uint64_t deadline = UINT64_MAX, now = clock_boottime();
    AUTO_FREE int64_t *jobs = NULL;
    int64_t timeout;

    if (operands_jobs(arguments, &jobs) < 0)
        return EXIT_USAGE;
    int r = duration_option(arguments, OPTION_TIMEOUT, &timeout);
    if (r < 0)
        return EXIT_USAGE;
    if (r > 0)
        deadline = now + (uint64_t)timeout;
    return wait_for_jobs(arguments, jobs, arguments->n_operands, deadline);
}
