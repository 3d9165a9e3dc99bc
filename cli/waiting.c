// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/waiting.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/connection.h"
#include "cli/job-wait.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>

// Even with no time to wait at all, the agent may tell the present state.
#define ANSWER_TIME (5 * USEC_PER_SEC)

// 0 when all are over, 1 at the deadline, negative errno, told.
static int wait_until_over(JobWait *wait, uint64_t deadline) {
    Stream *streams[] = { &wait->stream };
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    Progress progress = progress_begin();
    uint64_t answer = clock_boottime() + ANSWER_TIME;
    int r = 0;

    while (r >= 0 && !job_wait_is_over(wait)) {
        uint64_t end = wait->cursor < 0 && deadline < answer ? answer : deadline;
        if (!stream_is_pending(&wait->stream)) {
            StatusCounts counts = job_wait_counts(wait);
            progress_show(&progress, &counts);
        }
        if (streams_wait(streams, 1, -1, end))
            r = job_wait_receive(wait, &reply);
        else if (end <= clock_boottime())
            break;
    }
    progress_end(&progress);
    return r < 0 ? r : job_wait_is_over(wait) ? 0 : 1;
}

static int print_jobs(const Arguments *arguments, const int64_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++) {
        AUTO_JSON json_t *reply = NULL;
        int r = connection_call(arguments, "GetJob", memory_json(json_pack("{s:I}", "id", (json_int_t)ids[i])), &reply);
        if (r < 0)
            return r;
        output_json(reply);
    }
    return 0;
}

int wait_for_jobs(const Arguments *arguments, const int64_t *ids, size_t n, uint64_t deadline) {
    AUTO_JOB_WAIT JobWait wait = { 0 };
    const char *path = connection_path(arguments);
    int status = EXIT_SUCCESS;

    int r = job_wait_init(&wait, path, ids, n);
    if (r >= 0)
        r = wait_until_over(&wait, deadline);
    if (r < 0)
        return EXIT_FAILURE;
    if (r > 0) {
        log_error("not over when the time was up; the agent goes on with it");
        return EXIT_TIMEOUT;
    }
    for (size_t i = 0; i < n && status == EXIT_SUCCESS; i++)
        status = job_exit_status(path, &wait.jobs[i]);
    if (arguments_has(arguments, OPTION_JSON) && print_jobs(arguments, ids, n) < 0)
        return EXIT_FAILURE;
    return status;
}
