// SPDX-License-Identifier: LGPL-2.1-or-later
// The verbs that go on for a while: logs, watch, wait, submit --wait, run. All survive restarts of the agent.
#include "tests/unit/cli/fake-agent.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

Test(logs, decodes_what_was_kept) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "GetOutput", "{\"data\": \"G1sxbWE=\", \"offset\": 0}\n{\"data\": \"\", \"offset\": 5}" },
        { "ListTasks", TASK(3, 4, "finished", ", \"attempt\": 1") },
        { "GetOutput", "{\"data\": \"Zm9v\", \"offset\": 0}" },
        { "ListTasks", TASK(3, 1, "queued", ", \"attempt\": 0") "\n" TASK(3, 2, "queued", ", \"attempt\": 0") },
        { "GetOutput", "NoSuchAttempt {\"job\": 3, \"task\": 4, \"attempt\": 0}" });
    command_expect(COMMAND_RUN(&agent, "logs", "3.1"), 0, "\033[1ma", "");
    command_expect(COMMAND_RUN(&agent, "logs", "3", "--stderr"), 0, "foo", "");
    command_expect(COMMAND_RUN(&agent, "logs", "3"), 1, "", "job 3 has several tasks, name one as JOB.TASK");
    command_expect(COMMAND_RUN(&agent, "logs", "3.4"), 1, "", "task 3.4 has no such attempt");
    fake_agent_expect_calls(&agent,
                            "GetOutput {\"follow\":false,\"job\":3,\"offset\":0,\"stream\":\"stdout\",\"task\":1}\n"
                            "ListTasks {\"job\":3,\"limit\":2}\n"
                            "GetOutput {\"follow\":false,\"job\":3,\"offset\":0,\"stream\":\"stderr\",\"task\":4}\n"
                            "ListTasks {\"job\":3,\"limit\":2}\n"
                            "GetOutput {\"follow\":false,\"job\":3,\"offset\":0,\"stream\":\"stdout\",\"task\":4}\n");
    fake_agent_stop(&agent);
}

Test(logs, go_on_after_a_restart_where_they_were) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "GetOutput", "{\"data\": \"Zm9v\", \"offset\": 0}", FAKE_DIE },
                     { "GetOutput", "{\"data\": \"YmFy\", \"offset\": 3}" });
    command_expect(COMMAND_RUN(&agent, "logs", "3.1", "-f"), 0, "foobar", "");
    fake_agent_expect_calls(&agent,
                            "GetOutput {\"follow\":true,\"job\":3,\"offset\":0,\"stream\":\"stdout\",\"task\":1}\n"
                            "GetOutput {\"follow\":true,\"job\":3,\"offset\":3,\"stream\":\"stdout\",\"task\":1}\n");
    fake_agent_stop(&agent);
}

Test(watch, prints_transitions_until_it_is_ended_and_survives_a_restart) {
    FakeAgent agent;
    const char *arguments[] = { "watch", "3", NULL };

    FAKE_AGENT_START(
        &agent, { "Watch", JOB(3, "running", "") "\n{\"cursor\": 5}\n" ENTRY(6, 3, "", "running", "failed"), FAKE_DIE },
        { "Watch",
          "{\"cursor\": 6}\n" ENTRY(7, 3, "", "failed", "queued") "\n"
                                                                  "StoreNotWritable {\"reason\": \"end\"}",
          FAKE_FINAL });
    command_expect(command_run(&agent, "", arguments), 1,
                   "2023-11-14 22:13:20  3         running -> failed         exited by corral\n"
                   "2023-11-14 22:13:20  3         failed -> queued          exited by corral\n",
                   "the agent cannot write its records (end)");
    fake_agent_expect_calls(&agent, "Watch {\"jobs\":[3]}\nWatch {\"cursor\":6,\"jobs\":[3]}\n");
    fake_agent_stop(&agent);
}

// ---- waiting ----

Test(wait, exits_as_the_first_task_that_failed) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent,
                     { "Watch",
                       JOB(1, "finished", COUNTS(1, 1, 0, 0)) "\n" JOB(
                           2, "running", COUNTS(2, 0, 1, 0)) "\n{\"cursor\": 5}\n" ENTRY(6, 2, "", "running", "failed"),
                       FAKE_OPEN },
                     { "ListTasks", TASK(2, 1, "failed", ", \"attempt\": 1, \"cause\": \"exited\", \"exitCode\": 7") });
    command_expect(COMMAND_RUN(&agent, "wait", "1", "2"), 7, "", "");
    fake_agent_expect_calls(&agent, "Watch {\"jobs\":[1,2]}\n"
                                    "ListTasks {\"job\":2,\"limit\":1,\"status\":[\"failed\"]}\n");
    fake_agent_stop(&agent);
}

Test(wait, tells_good_ends_from_cancels) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "Watch", JOB(1, "finished", COUNTS(1, 1, 0, 0)) "\n{\"cursor\": 5}", FAKE_OPEN },
                     { "Watch", JOB(1, "canceled", COUNTS(1, 0, 0, 1)) "\n{\"cursor\": 5}", FAKE_OPEN },
                     { "Watch", JOB(1, "finished", COUNTS(2, 1, 0, 1)) "\n{\"cursor\": 5}", FAKE_OPEN },
                     { "Watch", "NoSuchJob {\"job\": 1}" });
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 0, "", "");
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 1, "", "corral: job 1 was canceled; 'corral show 1' tells why\n");
    // A task that was canceled alone has not done its work.
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 1, "", "corral: tasks of job 1 were canceled; 'corral show 1'");
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 1, "", "there is no job 1 on record");
    fake_agent_stop(&agent);
}

Test(wait, tells_why_a_task_has_no_end_of_its_own) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "Watch", JOB(1, "failed", COUNTS(1, 0, 1, 0)) "\n{\"cursor\": 5}", FAKE_OPEN },
                     { "ListTasks", TASK(1, 1, "failed",
                                         ", \"attempt\": 1, \"cause\": \"launchFailed\","
                                         " \"errorMessage\": \"exec: no such file\"") });
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 1, "",
                   "corral: task 1.1 failed: launchFailed: exec: no such file\n");
    fake_agent_stop(&agent);
}

Test(wait, gives_up_when_the_time_is_up) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "Watch", JOB(1, "running", "") "\n{\"cursor\": 5}", FAKE_OPEN },
                     { "Watch", JOB(1, "finished", COUNTS(1, 1, 0, 0)) "\n{\"cursor\": 5}", FAKE_OPEN });
    command_expect(COMMAND_RUN(&agent, "wait", "1", "--timeout", "100ms"), 124, "", "not over when the time was up");
    command_expect(COMMAND_RUN(&agent, "wait", "1", "--timeout", "0"), 0, "", ""); // it is over already
    fake_agent_stop(&agent);
}

Test(wait, survives_a_restart) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "Watch", JOB(1, "running", COUNTS(1, 0, 0, 0)) "\n{\"cursor\": 5}", FAKE_DIE },
                     { "Watch", "{\"cursor\": 5}\n" ENTRY(6, 1, "", "running", "canceled"), FAKE_OPEN });
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 1, "", "job 1 was canceled");
    fake_agent_expect_calls(&agent, "Watch {\"jobs\":[1]}\nWatch {\"cursor\":5,\"jobs\":[1]}\n");
    fake_agent_stop(&agent);
}

Test(wait, begins_anew_when_the_cursor_is_too_old) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "Watch", JOB(1, "running", COUNTS(1, 0, 0, 0)) "\n{\"cursor\": 5}", FAKE_DIE },
                     { "Watch", "CursorExpired {\"oldest\": 9}" },
                     { "Watch", JOB(1, "finished", COUNTS(1, 1, 0, 0)) "\n{\"cursor\": 12}", FAKE_OPEN });
    command_expect(COMMAND_RUN(&agent, "wait", "1"), 0, "", "");
    fake_agent_stop(&agent);
}

Test(submit, waits_when_asked_to) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "QueueJob", "{\"id\": 2}" },
        { "Watch", JOB(2, "failed", COUNTS(1, 0, 1, 0)) "\n{\"cursor\": 5}", FAKE_OPEN },
        { "ListTasks", TASK(2, 1, "failed", ", \"attempt\": 1, \"cause\": \"signaled\", \"signal\": 15") });
    command_expect(COMMAND_RUN(&agent, "submit", "--wait", "--", "x"), 143, "2\n", "");
    fake_agent_stop(&agent);
}

// ---- run ----

#define RUNNING                                                                                                        \
    JOB(2, "queued", COUNTS(1, 0, 0, 0))                                                                               \
    "\n" TASK(2, 1, "queued", ", \"attempt\": 0") "\n{\"cursor\": 5}\n" ENTRY(6, 2, ", \"task\": 1, \"attempt\": 1",   \
                                                                              "queued", "running")

Test(run, passes_output_on_and_exits_as_the_task_did) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "QueueJob", "{\"id\": 2}" },
                     { "Watch", RUNNING "\n" ENTRY(7, 2, "", "running", "failed"), FAKE_OPEN },
                     { "GetOutput", "{\"data\": \"b3V0\", \"offset\": 0}" },
                     { "GetOutput", "{\"data\": \"ZXJy\", \"offset\": 0}" },
                     { "ListTasks", TASK(2, 1, "failed", ", \"attempt\": 1, \"cause\": \"exited\", \"exitCode\": 3") });
    CommandResult result = COMMAND_RUN(&agent, "run", "-w", "/", "--", "x");
    cr_expect_str_eq(result.errors, "err"); // and no id: this is no terminal
    command_expect(result, 3, "out", "err");
    AUTO_FREE char *calls = fake_agent_calls(&agent);
    cr_expect(strstr(calls, "GetOutput {\"attempt\":1,\"follow\":true,\"job\":2,\"offset\":0,\"stream\":\"stdout\","));
    cr_expect(strstr(calls, "GetOutput {\"attempt\":1,\"follow\":true,\"job\":2,\"offset\":0,\"stream\":\"stderr\","));
    fake_agent_stop(&agent);
}

Test(run, shows_the_output_of_a_task_that_was_over_at_once) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "QueueJob", "{\"id\": 2}" },
        { "Watch",
          JOB(2, "finished", COUNTS(1, 1, 0, 0)) "\n" TASK(2, 1, "finished", ", \"attempt\": 1") "\n{\"cursor\": 5}",
          FAKE_OPEN },
        { "GetOutput", "{\"data\": \"b3V0\", \"offset\": 0}" }, { "GetOutput", "{\"data\": \"\", \"offset\": 0}" });
    command_expect(COMMAND_RUN(&agent, "run", "--", "x"), 0, "out", "");
    fake_agent_stop(&agent);
}

Test(run, survives_a_restart) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "QueueJob", "{\"id\": 2}" }, { "Watch", JOB(2, "queued", "") "\n{\"cursor\": 5}", FAKE_DIE },
        { "Watch",
          ENTRY(6, 2, ", \"task\": 1, \"attempt\": 1", "queued", "running") "\n" ENTRY(7, 2, "", "running", "finished"),
          FAKE_OPEN },
        { "GetOutput", "{\"data\": \"b3V0\", \"offset\": 0}" }, { "GetOutput", "{\"data\": \"\", \"offset\": 0}" });
    command_expect(COMMAND_RUN(&agent, "run", "--", "x"), 0, "out", "");
    fake_agent_stop(&agent);
}

static void interrupt(int signal, int expected_status) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "QueueJob", "{\"id\": 2}" }, { "Watch", RUNNING, FAKE_OPEN }, { "GetOutput", NULL, FAKE_OPEN },
        { "GetOutput", NULL, FAKE_OPEN }, { "CancelJobs", "{\"results\": [{\"job\": 2, \"status\": \"canceling\"}]}" },
        { "CancelJobs", "{\"results\": [{\"job\": 2, \"status\": \"canceling\"}]}", FAKE_DIE },
        { "Watch", "{\"cursor\": 6}\n" ENTRY(7, 2, "", "running", "canceled"), FAKE_OPEN },
        { "GetOutput", "{\"data\": \"\", \"offset\": 0}" }, { "GetOutput", "{\"data\": \"\", \"offset\": 0}" });
    int pid = COMMAND_START(&agent, "run", "--", "x");
    fake_agent_expect_call(&agent, "\"stream\":\"stderr\"");
    cr_assert_eq(kill(pid, signal), 0);
    fake_agent_expect_call(&agent,
                           "CancelJobs {\"force\":false,\"jobs\":[2],\"message\":\"interrupted\",\"wait\":false}");
    cr_assert_eq(kill(pid, signal), 0);
    fake_agent_expect_call(&agent,
                           "CancelJobs {\"force\":true,\"jobs\":[2],\"message\":\"interrupted\",\"wait\":false}");
    command_expect(command_finish(&agent, pid), expected_status, "", "");
    fake_agent_stop(&agent);
}

Test(run, is_canceled_by_an_interrupt_and_forced_by_two) {
    interrupt(SIGINT, 130);
}

Test(run, is_canceled_by_a_termination) {
    interrupt(SIGTERM, 143);
}

Test(run, is_canceled_when_nobody_reads) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "QueueJob", "{\"id\": 2}" }, { "Watch", RUNNING, FAKE_OPEN },
                     { "GetOutput", "{\"data\": \"b3V0\", \"offset\": 0}", FAKE_OPEN },
                     { "GetOutput", NULL, FAKE_OPEN },
                     { "CancelJobs", "{\"results\": [{\"job\": 2, \"status\": \"canceling\"}]}", FAKE_DIE },
                     { "Watch", "{\"cursor\": 6}\n" ENTRY(7, 2, "", "running", "canceled"), FAKE_OPEN },
                     { "GetOutput", "{\"data\": \"\", \"offset\": 0}" });
    int pid = COMMAND_START_UNREAD(&agent, "run", "--", "x");
    fake_agent_expect_call(&agent, "CancelJobs {\"force\":false,\"jobs\":[2],\"message\":\"nobody reads the output\"");
    command_expect(command_finish(&agent, pid), 141, "", "");
    fake_agent_stop(&agent);
}

Test(watch, ends_quietly_when_nobody_reads) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent,
        { "Watch", "{\"cursor\": 5}\n" ENTRY(6, 3, "", "queued", "running") "\n" ENTRY(7, 3, "", "running", "failed"),
          FAKE_OPEN },
        { "GetOutput", "{\"data\": \"b3V0\", \"offset\": 0}", FAKE_OPEN }, { "ListJobs", JOB(1, "queued", "") });
    command_expect(command_finish(&agent, COMMAND_START_UNREAD(&agent, "watch")), 0, "", "");
    command_expect(command_finish(&agent, COMMAND_START_UNREAD(&agent, "logs", "3.1", "-f")), 0, "", "");
    command_expect(command_finish(&agent, COMMAND_START_UNREAD(&agent, "list")), 0, "", "");
    fake_agent_stop(&agent);
}
