// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/job-wait.h"

#include "cli/progress.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct Fixture {
    WaitedJob jobs[2];
    JobWait wait;
} Fixture;

static Fixture fixture = {
    .jobs = { { .id = 1 }, { .id = 2 } },
    .wait = { .cursor = -1, .jobs = fixture.jobs, .n_jobs = 2 },
};

static void take(const char *reply) {
    AUTO_JSON json_t *value = json_loads(reply, 0, NULL);

    cr_assert(value, "%s", reply);
    job_wait_take(&fixture.wait, value);
}

Test(job_wait, is_over_when_all_jobs_are) {
    cr_expect(!job_wait_is_over(&fixture.wait));
    take("{\"job\": {\"id\": 1, \"status\": \"finished\", \"tasks\": {\"total\": 2, \"finished\": 2}}}");
    cr_expect(!job_wait_is_over(&fixture.wait));
    take("{\"job\": {\"id\": 2, \"status\": \"running\", \"tasks\": {\"total\": 1, \"running\": 1}}}");
    take("{\"cursor\": 50}");
    cr_expect_eq(fixture.wait.cursor, 50);
    cr_expect(!job_wait_is_over(&fixture.wait));
    take("{\"job\": null, \"task\": null, \"cursor\": null,"
         " \"entry\": {\"seq\": 51, \"job\": 2, \"task\": 1, \"from\": \"running\", \"to\": \"failed\"}}");
    cr_expect(!job_wait_is_over(&fixture.wait));
    take("{\"entry\": {\"seq\": 52, \"job\": 2, \"from\": \"running\", \"to\": \"failed\"}}");
    cr_expect(job_wait_is_over(&fixture.wait));
    cr_expect_eq(fixture.wait.cursor, 52);

    StatusCounts counts = job_wait_counts(&fixture.wait);
    AUTO_FREE char *text = progress_text(&counts);
    cr_expect_str_eq(text, "2/3 finished, 1 failed");
}

Test(job_wait, counts_tasks_that_are_added) {
    take("{\"job\": {\"id\": 1, \"status\": \"running\", \"tasks\": {\"total\": 1, \"running\": 1}}}");
    take("{\"entry\": {\"seq\": 9, \"job\": 1, \"task\": 2, \"from\": null, \"to\": \"queued\"}}");
    take("{\"entry\": {\"seq\": 10, \"job\": 3, \"task\": 2, \"from\": null, \"to\": \"queued\"}}"); // not ours
    StatusCounts counts = job_wait_counts(&fixture.wait);
    cr_expect_eq(status_counts_total(&counts), 2);
    AUTO_FREE char *text = progress_text(&counts);
    cr_expect_str_eq(text, "0/2 finished, 1 running");
}

Test(job_wait, leaves_what_it_does_not_understand) {
    take("{\"job\": {\"id\": 1, \"status\": \"dancing\"}}");
    take("{\"entry\": {\"seq\": \"x\", \"job\": 1, \"to\": 5}}");
    take("{}");
    cr_expect(!fixture.wait.jobs[0].known);
    cr_expect_eq(fixture.wait.cursor, -1);
}

static void expect_start(const char *reply, int64_t attempt) {
    AUTO_JSON json_t *value = json_loads(reply, 0, NULL);
    int64_t told = 0;

    cr_expect_eq(job_wait_started(value, 1, &told), attempt > 0, "%s", reply);
    cr_expect_eq(told, attempt, "%s", reply);
}

Test(job_wait, sees_tasks_start) {
    expect_start("{\"task\": {\"job\": 1, \"id\": 1, \"status\": \"finished\", \"attempt\": 2}}", 2);
    expect_start("{\"task\": {\"job\": 1, \"id\": 1, \"status\": \"queued\", \"attempt\": 0}}", 0);
    expect_start("{\"task\": {\"job\": 1, \"id\": 2, \"status\": \"running\", \"attempt\": 1}}", 0);
    expect_start("{\"entry\": {\"job\": 1, \"task\": 1, \"attempt\": 3, \"from\": \"queued\", \"to\": \"running\"}}",
                 3);
    expect_start("{\"entry\": {\"job\": 1, \"task\": 1, \"attempt\": 3, \"from\": \"running\", \"to\": \"failed\"}}",
                 0);
    expect_start("{\"entry\": {\"job\": 1, \"task\": null, \"from\": \"queued\", \"to\": \"running\"}}", 0);
    expect_start("{\"cursor\": 3}", 0);
}

static void expect_status(const char *task, int status) {
    AUTO_JSON json_t *value = json_loads(task, 0, NULL);

    cr_expect_eq(task_exit_status(value), status, "%s", task);
}

Test(job_wait, exits_as_the_task_did) {
    expect_status("{\"cause\": \"exited\", \"exitCode\": 3}", 3);
    expect_status("{\"cause\": \"exited\", \"exitCode\": 0}", 0);
    expect_status("{\"cause\": \"signaled\", \"signal\": 11}", 139);
    expect_status("{\"cause\": \"outOfMemory\", \"signal\": 9}", 137);
    expect_status("{\"cause\": \"jobCanceled\", \"signal\": 9}", 1);
    expect_status("{\"cause\": \"taskRunTime\", \"signal\": 9}", 1);
    expect_status("{\"cause\": \"lost\", \"exitCode\": null}", 1);
    expect_status("{}", 1);
}
