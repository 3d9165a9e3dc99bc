// SPDX-License-Identifier: LGPL-2.1-or-later
// The tables, dumped whole and compared with what the requirements and docs/decisions/0003 say: any change is a
// readable difference.
#include "agent/rules.h"

#include "base/buffer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char golden_requests[] = "job submit: notSubmitted\n"
                                      "job addTasks: notSubmitted queued running\n"
                                      "job cancel: notSubmitted queued running canceling\n"
                                      "job requeue: running failed canceled\n"
                                      "task submit:\n"
                                      "task addTasks:\n"
                                      "task cancel: notSubmitted queued running canceling\n"
                                      "task requeue: running failed canceled\n"
                                      "task of job submit:\n"
                                      "task of job addTasks:\n"
                                      "task of job cancel: notSubmitted queued running canceling\n"
                                      "task of job requeue: queued running failed canceled\n";

static const char golden_transitions[] = "job notSubmitted: queued canceled\n"
                                         "job queued: running canceled\n"
                                         "job running: queued canceling finished failed canceled\n"
                                         "job canceling: queued canceled\n"
                                         "job finished:\n"
                                         "job failed: queued\n"
                                         "job canceled: queued\n"
                                         "task notSubmitted: queued canceled\n"
                                         "task queued: running canceled\n"
                                         "task running: queued canceling finished failed canceled\n"
                                         "task canceling: queued finished failed canceled\n"
                                         "task finished:\n"
                                         "task failed: queued\n"
                                         "task canceled: queued\n";

static void dump_requests(Buffer *dump, const char *what, bool (*accepts)(Status, Request)) {
    for (int request = 0; request <= _REQUEST_LAST; request++) {
        buffer_printf(dump, "%s %s:", what, request_name((Request)request));
        for (int status = 0; status <= _STATUS_LAST; status++)
            if (accepts((Status)status, (Request)request))
                buffer_printf(dump, " %s", status_name((Status)status));
        buffer_printf(dump, "\n");
    }
}

static void dump_transitions(Buffer *dump, const char *what, bool (*may_become)(Status, Status)) {
    for (int from = 0; from <= _STATUS_LAST; from++) {
        buffer_printf(dump, "%s %s:", what, status_name((Status)from));
        for (int to = 0; to <= _STATUS_LAST; to++)
            if (may_become((Status)from, (Status)to))
                buffer_printf(dump, " %s", status_name((Status)to));
        buffer_printf(dump, "\n");
    }
}

static void expect(Buffer *dump, const char *golden) {
    buffer_append(dump, "", 1);
    cr_assert_str_eq((const char *)buffer_bytes(dump), golden);
    buffer_deinit(dump);
}

Test(rules, requests) {
    Buffer dump = BUFFER_NULL;

    dump_requests(&dump, "job", job_accepts);
    dump_requests(&dump, "task", task_accepts);
    dump_requests(&dump, "task of job", job_accepts_for_task);
    expect(&dump, golden_requests);
}

Test(rules, transitions) {
    Buffer dump = BUFFER_NULL;

    dump_transitions(&dump, "job", job_may_become);
    dump_transitions(&dump, "task", task_may_become);
    expect(&dump, golden_transitions);
}

// A terminal status changes by a requeue alone, and finished not even by that.
Test(rules, terminal_is_terminal) {
    for (int from = 0; from <= _STATUS_LAST; from++)
        for (int to = 0; to <= _STATUS_LAST; to++)
            if (status_is_terminal((Status)from)) {
                bool requeued = to == STATUS_QUEUED && from != STATUS_FINISHED;
                cr_assert_eq(job_may_become((Status)from, (Status)to), requeued);
                cr_assert_eq(task_may_become((Status)from, (Status)to), requeued);
            }
}
