// SPDX-License-Identifier: LGPL-2.1-or-later
// The verbs from the command line to the socket and back.
#include "tests/unit/cli/fake-agent.h"

#include "base/cleanup.h"
#include "cli/verbs.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- usage ----

Test(usage, is_wrong_with_exit_status_2) {
    FakeAgent agent;

    fake_agent_start(&agent, NULL, 0);
    command_expect(COMMAND_RUN(&agent, "frobnicate"), 2, "", "there is no verb 'frobnicate'");
    command_expect(COMMAND_RUN(&agent, "--frob"), 2, "", "unknown option --frob");
    command_expect(COMMAND_RUN(&agent, "cancel"), 2, "", "name jobs, or choose them");
    command_expect(COMMAND_RUN(&agent, "cancel", "1", "--all"), 2, "", "name jobs, or choose them");
    command_expect(COMMAND_RUN(&agent, "cancel", "--state", "over"), 2, "", "'over' is no status");
    command_expect(COMMAND_RUN(&agent, "cancel", "x"), 2, "", "'x' is no JOB[.TASK]");
    command_expect(COMMAND_RUN(&agent, "cancel", "1", "--grace", "soon"), 2, "", "'soon' is no DURATION");
    command_expect(COMMAND_RUN(&agent, "history", "1.2"), 2, "", "'1.2' is a task, a job is wanted");
    command_expect(COMMAND_RUN(&agent, "wait", "1", "--timeout", "x"), 2, "", "'x' is no D");
    command_expect(COMMAND_RUN(&agent, "list", "--state", "done"), 2, "", "'done' is no status");
    command_expect(COMMAND_RUN(&agent, "submit"), 2, "", "a COMMAND, --file or --id is missing");
    command_expect(COMMAND_RUN(&agent, "submit", "--id", "3", "true"), 2, "", "exclude each other");
    command_expect(COMMAND_RUN(&agent, "submit", "--file", "-", "-n", "x"), 2, "", "exclude each other");
    command_expect(COMMAND_RUN(&agent, "status", "x"), 2, "", "unexpected argument 'x'");
    command_expect(COMMAND_RUN(&agent, "add", "5"), 2, "", "too few arguments");
    fake_agent_expect_calls(&agent, "");
    fake_agent_stop(&agent);
}

Test(usage, help_and_version_need_no_agent) {
    FakeAgent agent = { .socket = "/nowhere" };

    fake_agent_start(&agent, NULL, 0);
    command_expect(COMMAND_RUN(&agent, "--version"), 0, "corral " CORRAL_VERSION "\n", "");
    command_expect(COMMAND_RUN(&agent, "list", "--version"), 0, "corral " CORRAL_VERSION "\n", "");
    command_expect(COMMAND_RUN(&agent, "--help"), 0, NULL, "");
    for (size_t i = 0; i < n_verbs; i++) {
        command_expect(COMMAND_RUN(&agent, verbs[i].name, "--help"), 0, NULL, "");
        command_expect(COMMAND_RUN(&agent, "--help", verbs[i].name), 0, NULL, "");
    }
    fake_agent_stop(&agent);
}

Test(usage, tells_how_to_find_the_agent) {
    FakeAgent agent;

    fake_agent_start(&agent, NULL, 0);
    command_expect(COMMAND_RUN(&agent, "--socket", "/nonexistent/x", "status"), 1, "",
                   "corral: cannot connect to /nonexistent/x: No such file or directory; is corrald running? "
                   "(systemctl [--user] status corrald, or --socket PATH)\n");
    command_expect(COMMAND_RUN(&agent, "wait", "1", "--socket", "/nonexistent/x"), 1, "",
                   "cannot connect to /nonexistent/x");
    command_expect(COMMAND_RUN(&agent, "run", "--socket", "/nonexistent/x", "true"), 1, "", "is corrald running?");
    fake_agent_stop(&agent);
}

// ---- making jobs ----

Test(submit, prints_the_id_alone) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "QueueJob", "{\"id\": 12}" }, { "QueueJob", "{\"id\": 13}" });
    command_expect(COMMAND_RUN(&agent, "submit", "-n", "x", "-w", "/", "--", "echo", "-n"), 0, "12\n", "");
    command_expect(COMMAND_RUN(&agent, "--json", "submit", "-w", "/", "true"), 0, "{\"id\":13}\n", "");
    fake_agent_expect_calls(&agent,
                            "QueueJob {\"job\":{\"name\":\"x\",\"tasks\":[{\"command\":[\"echo\",\"-n\"],"
                            "\"workDirectory\":\"/\"}]}}\n"
                            "QueueJob {\"job\":{\"tasks\":[{\"command\":[\"true\"],\"workDirectory\":\"/\"}]}}\n");
    fake_agent_stop(&agent);
}

Test(submit, reads_a_job_file) {
    const char *arguments[] = { "submit", "--file", "-", NULL };
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "QueueJob", "{\"id\": 12}" });
    command_expect(command_run(&agent, "{\"minSlots\": 2, \"tasks\": [{\"command\": [\"true\"]}]}", arguments), 0,
                   "12\n", "");
    command_expect(command_run(&agent, "{\"tasks\": [{\"command\": 5}]}", arguments), 1, "",
                   "corral: standard input: tasks[0].command: an array of strings");
    command_expect(command_run(&agent, "not json", arguments), 1, "", "corral: standard input: ");
    command_expect(COMMAND_RUN(&agent, "submit", "--file", "/nonexistent"), 1, "",
                   "corral: /nonexistent: No such file or directory");
    fake_agent_expect_calls(&agent, "QueueJob {\"job\":{\"minSlots\":2,\"tasks\":[{\"command\":[\"true\"]}]}}\n");
    fake_agent_stop(&agent);
}

Test(submit, refuses_a_job_file_that_is_too_long) {
    const char *arguments[] = { "submit", "--file", "-", NULL };
    const size_t size = 1024 * 1024 + 1;
    AUTO_FREE char *input = malloc(size + 1);
    FakeAgent agent;

    memset(input, ' ', size);
    input[size] = '\0';
    fake_agent_start(&agent, NULL, 0);
    command_expect(command_run(&agent, input, arguments), 1, "", "a job file has at most 1048576 bytes");
    fake_agent_stop(&agent);
}

Test(submit, takes_a_job_made_with_new) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "AddJob", "{\"id\": 7}" }, { "AddTasks", "{\"ids\": [1]}" }, { "SubmitJobs", "{}" },
                     { "SubmitJobs", "InvalidState {\"job\": 7, \"task\": null, \"status\": \"running\"}" });
    command_expect(COMMAND_RUN(&agent, "new", "-p", "LOWEST"), 0, "7\n", "");
    command_expect(COMMAND_RUN(&agent, "add", "7", "-w", "/", "--", "ls", "-l"), 0, "7.1\n", "");
    command_expect(COMMAND_RUN(&agent, "submit", "--id", "7"), 0, "7\n", "");
    command_expect(COMMAND_RUN(&agent, "submit", "--id", "7"), 1, "",
                   "corral: 7 is running, which does not allow this; see 'corral show 7'\n");
    fake_agent_expect_calls(&agent,
                            "AddJob {\"job\":{\"priority\":\"lowest\"}}\n"
                            "AddTasks {\"job\":7,\"tasks\":[{\"command\":[\"ls\",\"-l\"],\"workDirectory\":\"/\"}]}\n"
                            "SubmitJobs {\"jobs\":[7]}\n"
                            "SubmitJobs {\"jobs\":[7]}\n");
    fake_agent_stop(&agent);
}

// ---- cancel and requeue ----

Test(cancel, prints_a_receipt_of_each_in_the_order_asked) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent,
        { "CancelJobs",
          "{\"results\": [{\"job\": 12, \"status\": \"canceled\", \"tasksFailed\": 2, \"tasksCanceled\": 1,"
          " \"processesKilled\": 14, \"frozenAfter\": 310, \"killedAfter\": 350, \"emptyAfter\": 5000,"
          " \"recordedAfter\": 6000},"
          " {\"job\": 14, \"status\": \"finished\", \"error\": \"InvalidState\", \"errorMessage\": \"x\"}]}" },
        { "CancelTasks",
          "{\"results\": [{\"job\": 13, \"task\": 2, \"status\": \"canceled\", \"processesKilled\": 1}]}" });
    command_expect(
        COMMAND_RUN(&agent, "cancel", "12", "13.2", "14", "-m", "enough", "--grace", "2s"), 1,
        "12 canceled: 2 tasks failed, 1 task canceled, 14 processes killed; frozen after 310us, killed after 350us,"
        " empty after 5ms, recorded after 6ms\n"
        "13.2 canceled: 1 process killed\n",
        "corral: 14: 14 is finished, which does not allow this");
    AUTO_FREE char *calls = fake_agent_calls(&agent);
    cr_expect(
        strstr(calls, "CancelJobs {\"gracePeriod\":2000000,\"jobs\":[12,14],\"message\":\"enough\",\"wait\":true}"));
    cr_expect(strstr(calls, "CancelTasks {\"gracePeriod\":2000000,\"message\":\"enough\",\"tasks\":[{\"job\":13,"
                            "\"task\":2}],\"wait\":true}"));
    fake_agent_stop(&agent);
}

Test(cancel, lists_what_cannot_be_killed) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent,
                     { "CancelJobs", "{\"results\": [{\"job\": 12, \"status\": \"canceling\", \"stuck\": [{\"pid\": 99,"
                                     " \"parentPid\": 1, \"uid\": 0, \"command\": \"cp\", \"state\": \"D\","
                                     " \"waitChannel\": \"nfs_wait\", \"cpuTime\": 1, \"residentSize\": 2, \"threads\":"
                                     " 1}]}]}" });
    command_expect(COMMAND_RUN(&agent, "cancel", "12", "--force", "--no-wait"), 1, "12 canceling\n",
                   "corral: process 99 (cp) cannot be killed: state D, waits in nfs_wait\n");
    fake_agent_expect_calls(&agent, "CancelJobs {\"force\":true,\"jobs\":[12],\"wait\":false}\n");
    fake_agent_stop(&agent);
}

Test(cancel, is_not_done_when_it_is_not_known_what_is_left) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "CancelJobs",
                               "{\"results\": [{\"job\": 12, \"status\": \"canceling\", \"errorMessage\":"
                               " \"some processes outlived the kill\", \"processesKilled\": 3, \"stuck\": []}]}" });
    command_expect(COMMAND_RUN(&agent, "cancel", "12"), 1, "12 canceling: 3 processes killed\n",
                   "corral: 12: some processes outlived the kill\n"
                   "corral: 12: the agent keeps trying; 'corral show 12' tells how it stands\n");
    fake_agent_stop(&agent);
}

Test(cancel, prints_the_reply_as_json) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "CancelJobs", "{\"results\": [{\"job\": 1, \"error\": \"NoSuchJob\"}]}" });
    command_expect(COMMAND_RUN(&agent, "cancel", "1", "--json"), 1,
                   "{\"results\":[{\"job\":1,\"error\":\"NoSuchJob\"}]}\n", "");
    fake_agent_stop(&agent);
}

Test(cancel, of_all_that_are_chosen) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "ListJobs", JOB(3, "running", "") "\n" JOB(5, "queued", "") },
                     { "CancelJobs",
                       "{\"results\": [{\"job\": 3, \"status\": \"canceled\", \"tasksFailed\": 1}, {\"job\": 5,"
                       " \"error\": \"InvalidState\", \"errorMessage\": \"is finished\"}]}" },
                     { "ListJobs", "{\"job\": null}" });
    // One that ended by itself meanwhile is no failure.
    command_expect(COMMAND_RUN(&agent, "cancel", "--all", "-m", "maintenance"), 0, "3 canceled: 1 task failed\n", "");
    // Nothing to cancel is none either.
    command_expect(COMMAND_RUN(&agent, "cancel", "--user", "bob", "--state", "running"), 0, "", "");
    fake_agent_expect_calls(
        &agent, "ListJobs {\"limit\":1000,\"status\":[\"notSubmitted\",\"queued\",\"running\",\"canceling\"]}\n"
                "CancelJobs {\"jobs\":[3,5],\"message\":\"maintenance\",\"wait\":true}\n"
                "ListJobs {\"limit\":1000,\"owner\":\"bob\",\"status\":[\"running\"]}\n");
    fake_agent_stop(&agent);
}

Test(cancel, escapes_what_the_agent_says) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "CancelJobs", "{\"results\": [{\"job\": 1, \"error\": \"Odd\","
                                             " \"errorMessage\": \"a\\u001b[2Jb\"}]}" });
    command_expect(COMMAND_RUN(&agent, "cancel", "1"), 1, "", "corral: 1: a\\x1b[2Jb\n");
    fake_agent_stop(&agent);
}

Test(requeue, takes_jobs_and_tasks) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "RequeueJobs", "{\"results\": [{\"job\": 1, \"status\": \"queued\", \"tasksQueued\": 3}]}" },
        { "RequeueTasks", "{\"results\": [{\"job\": 2, \"task\": 1, \"error\": \"TaskNotRerunnable\"}]}" });
    command_expect(COMMAND_RUN(&agent, "requeue", "2.1", "1"), 1, "1 queued: 3 tasks queued\n",
                   "corral: 2.1: task 2.1 has run and may not run again");
    fake_agent_stop(&agent);
}

// ---- looking ----

Test(list, asks_for_what_users_expect) {
    FakeAgent agent;
    char expected[512];

    FAKE_AGENT_START(&agent,
                     { "ListJobs", "{\"job\": {\"id\": 3, \"name\": \"a\\nb\", \"status\": \"running\", \"owner\":"
                                   " \"ann\", \"ownerUid\": 5, \"priority\": \"normal\", \"createTime\":"
                                   " 1700000000000000, \"startTime\": 1700000000000000, \"endTime\":"
                                   " 1700000065000000, \"cancelMessage\": \"why\"" COUNTS(4, 1, 2, 1) "}}" },
                     { "ListJobs", JOB(1, "queued", "") "\n" JOB(2, "finished", "") },
                     { "ListJobs", JOB(1, "failed", "") });
    command_expect(COMMAND_RUN(&agent, "list"), 0,
                   "JOB  NAME  STATUS   OWNER  PRIORITY  TASKS  CREATED              ELAPSED  REASON\n"
                   "  3  a\\nb  running  ann    normal      1/4  2023-11-14 22:13:20    1m 5s  why\n",
                   "");
    command_expect(COMMAND_RUN(&agent, "list", "--all"), 0,
                   "JOB  NAME  STATUS    OWNER  PRIORITY  TASKS  CREATED              ELAPSED  REASON\n"
                   "  1  -     queued    ann    -             -  2023-11-14 22:13:20        -  -\n"
                   "  2  -     finished  ann    -             -  2023-11-14 22:13:20        -  -\n",
                   "");
    command_expect(COMMAND_RUN(&agent, "list", "--state", "failed,canceled", "--user", "bob", "--json"), 0, NULL, "");
    (void)snprintf(expected, sizeof expected,
                   "ListJobs {\"limit\":1000,\"owner\":\"%u\",\"status\":[\"notSubmitted\",\"queued\",\"running\","
                   "\"canceling\"]}\n"
                   "ListJobs {\"limit\":1000}\n"
                   "ListJobs {\"limit\":1000,\"owner\":\"bob\",\"status\":[\"failed\",\"canceled\"]}\n",
                   (unsigned)geteuid());
    fake_agent_expect_calls(&agent, expected);
    fake_agent_stop(&agent);
}

// A page full of jobs, from first on.
static char *make_page(int first, int n) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    cr_assert(stream);
    for (int i = 0; i < n; i++)
        fprintf(stream,
                "%s{\"job\": {\"id\": %d, \"status\": \"queued\", \"owner\": \"ann\", \"ownerUid\": 1,"
                " \"createTime\": 1}}",
                i > 0 ? "\n" : "", first + i);
    cr_assert_eq(fclose(stream), 0);
    return text;
}

Test(list, goes_on_page_by_page) {
    AUTO_FREE char *first = make_page(1, 1000), *second = make_page(1001, 1);
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "ListJobs", first }, { "ListJobs", second });
    CommandResult result = COMMAND_RUN(&agent, "list", "--all");
    size_t lines = 0;
    for (const char *at = result.output; (at = strchr(at, '\n')); at++)
        lines++;
    cr_expect_eq(lines, 1002);
    cr_expect(strstr(result.output, "\n1001  "));
    command_expect(result, 0, NULL, "");
    fake_agent_expect_calls(&agent, "ListJobs {\"limit\":1000}\nListJobs {\"after\":1000,\"limit\":1000}\n");
    fake_agent_stop(&agent);
}

#define SHOWN_JOB                                                                                                      \
    "{\"job\": {\"id\": 3, \"status\": \"failed\", \"owner\": \"ann\", \"ownerUid\": 5, \"createTime\":"               \
    " 1700000000000000, \"cause\": \"taskFailed\"" COUNTS(2, 1, 1, 0) "}, \"tasks\": [" TASK_VALUE(                    \
        3, 1, "finished",                                                                                              \
        ", \"attempt\": 1, \"exitCode\": 0") "," TASK_VALUE(3, 2, "failed",                                            \
                                                            ", \"attempt\": 2, \"signal\": 9, \"cause\": "             \
                                                            "\"signaled\"") "], \"attempts\": [{\"job\": 3, \"run\": " \
                                                                            "1, \"task\": 2, \"attempt\": 2, "         \
                                                                            "\"status\": \"failed\", \"signal\":"      \
                                                                            " 9, \"userTime\": 1500, "                 \
                                                                            "\"maxResidentSize\": 2048, "              \
                                                                            "\"evidence\": [{\"pid\": 77, "            \
                                                                            "\"parentPid\": 1, \"uid\":"               \
                                                                            " 1000, \"command\": \"slee\\u0007p\", "   \
                                                                            "\"state\": \"S\", \"waitChannel\": "      \
                                                                            "\"do_nanosleep\", \"systemCall\":"        \
                                                                            " 0, \"cpuTime\": 20, \"residentSize\": "  \
                                                                            "4096, \"threads\": 1}]}]}"

Test(show, prints_a_job_and_its_tasks) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "GetJob", SHOWN_JOB });
    command_expect(COMMAND_RUN(&agent, "show", "3"), 0,
                   "id          3\n"
                   "status      failed\n"
                   "cause       taskFailed\n"
                   "owner       ann\n"
                   "ownerUid    5\n"
                   "createTime  2023-11-14 22:13:20\n"
                   "tasks       2: 1 finished, 1 failed\n"
                   "\n"
                   "TASK  NAME  STATUS    END              CAUSE     ATTEMPT  ELAPSED  COMMAND\n"
                   "   1  -     finished  exit 0           -               1        -  sleep 5\n"
                   "   2  -     failed    signal 9 (KILL)  signaled        2        -  sleep 5\n",
                   "");
    fake_agent_expect_calls(&agent, "GetJob {\"id\":3}\n");
    fake_agent_stop(&agent);
}

// What the agent answers when a task is named.
#define SHOWN_TASK                                                                                                     \
    "{\"job\": {\"id\": 3, \"status\": \"failed\", \"owner\": \"ann\", \"ownerUid\": 5, \"createTime\": 1}, "          \
    "\"tasks\": [" TASK_VALUE(                                                                                         \
        3, 2, "failed",                                                                                                \
        ", \"attempt\": 2, \"signal\": 9, \"cause\": \"signaled\"") "], \"attempts\": [{\"job\": 3, \"run\": 1, "      \
                                                                    "\"task\": 2, \"attempt\": 2, \"status\": "        \
                                                                    "\"failed\", \"signal\": 9, "                      \
                                                                    "\"userTime\": 1500, \"maxResidentSize\": 2048, "  \
                                                                    "\"evidence\": [{\"pid\": 77, \"parentPid\": 1, "  \
                                                                    "\"uid\": 1000, "                                  \
                                                                    "\"command\": \"slee\\u0007p\", \"state\": "       \
                                                                    "\"S\", \"waitChannel\": \"do_nanosleep\", "       \
                                                                    "\"systemCall\": 0, "                              \
                                                                    "\"cpuTime\": 20, \"residentSize\": 4096, "        \
                                                                    "\"threads\": 1}]}]}"

Test(show, prints_a_task_its_attempts_and_the_evidence) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "GetJob", SHOWN_TASK }, { "GetJob", "NoSuchTask {\"job\": 3, \"task\": 9}" },
                     { "GetJob", "{\"job\": {\"id\": 3, \"status\": \"failed\", \"owner\": \"ann\", \"ownerUid\": 5,"
                                 " \"createTime\": 1}}" });
    CommandResult result = COMMAND_RUN(&agent, "show", "3.2");
    cr_expect(strstr(result.output, "\ncommand     sleep 5\n"));
    cr_expect(strstr(result.output, "\nuserTime         1ms 500us\n"), "%s", result.output);
    cr_expect(strstr(result.output, "\nmaxResidentSize  2.0 KiB\n"));
    cr_expect(strstr(result.output, "PID  PPID   UID  STATE  COMMAND    WAIT CHANNEL  SYSTEM CALL   CPU      RSS"));
    cr_expect(strstr(result.output, " 77     1  1000  S      slee\\x07p  do_nanosleep  read         20us  4.0 KiB"));
    command_expect(result, 0, NULL, "");
    command_expect(COMMAND_RUN(&agent, "show", "3.9"), 1, "", "no task");
    command_expect(COMMAND_RUN(&agent, "show", "3.2"), 1, "", "permission denied");
    fake_agent_expect_calls(&agent, "GetJob {\"id\":3,\"task\":2}\nGetJob {\"id\":3,\"task\":9}\n"
                                    "GetJob {\"id\":3,\"task\":2}\n");
    fake_agent_stop(&agent);
}

Test(show, lists_the_tasks_of_a_large_job) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent, { "GetJob", JOB(3, "running", COUNTS(2000, 1999, 1, 0)) },
        { "ListTasks", TASK(3, 1, "finished", ", \"attempt\": 1") "\n" TASK(3, 2, "failed", ", \"attempt\": 1") });
    CommandResult result = COMMAND_RUN(&agent, "show", "3");
    cr_expect(strstr(result.output, "\n   2  -     failed "), "%s", result.output);
    command_expect(result, 0, NULL, "");
    fake_agent_expect_calls(&agent, "GetJob {\"id\":3}\nListTasks {\"job\":3}\n");
    fake_agent_stop(&agent);
}

Test(history, prints_each_entry) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent,
                     { "GetHistory", "{\"entry\": {\"seq\": 1, \"time\": 1700000000000000, \"job\": 3, \"to\":"
                                     " \"queued\", \"cause\": \"submitted\", \"actor\": \"ann\"}}\n"
                                     "{\"entry\": {\"seq\": 2, \"time\": 1700000001000000, \"job\": 3, \"task\":"
                                     " 1, \"from\": \"queued\", \"to\": \"canceled\", \"cause\":"
                                     " \"taskCanceled\", \"actor\": \"ann\", \"message\": \"no\\tmore\"}}" });
    command_expect(COMMAND_RUN(&agent, "history", "3"), 0,
                   "2023-11-14 22:13:20  3         queued                    submitted by ann\n"
                   "2023-11-14 22:13:21  3.1       queued -> canceled        taskCanceled by ann: no\\tmore\n",
                   "");
    fake_agent_expect_calls(&agent, "GetHistory {\"job\":3}\n");
    fake_agent_stop(&agent);
}

// ---- the agent ----

Test(param, lists_shows_and_sets) {
    const char *parameters = "{\"parameters\": [{\"name\": \"Slots\", \"value\": \"4\", \"default\": \"2\","
                             " \"description\": \"how many\"}]}";
    FakeAgent agent;

    FAKE_AGENT_START(&agent, { "GetParameters", parameters }, { "GetParameters", parameters }, { "SetParameter", "{}" },
                     { "SetParameter", "PermissionDenied" });
    command_expect(COMMAND_RUN(&agent, "param"), 0,
                   "NAME   VALUE  DEFAULT  DESCRIPTION\n"
                   "Slots  4      2        how many\n",
                   "");
    command_expect(COMMAND_RUN(&agent, "param", "slots"), 0, "Slots=4\n", "");
    command_expect(COMMAND_RUN(&agent, "param", "Slots=a=b"), 0, "", "");
    command_expect(COMMAND_RUN(&agent, "param", "Slots=", "x"), 1, "", "permission denied");
    fake_agent_expect_calls(&agent, "GetParameters {}\nGetParameters {\"names\":[\"slots\"]}\n"
                                    "SetParameter {\"name\":\"Slots\",\"value\":\"a=b\"}\n"
                                    "SetParameter {\"name\":\"Slots\",\"value\":\"\"}\n");
    fake_agent_stop(&agent);
}

Test(status, shows_what_is_missing) {
    FakeAgent agent;

    FAKE_AGENT_START(
        &agent,
        { "GetStatus",
          "{\"version\": \"1\", \"startTime\": 1700000000000000, \"bootId\": \"ab\", \"slots\": 2,"
          " \"slotsInUse\": 1" COUNTS(
              3, 1, 1,
              1) ", \"jobs\": {\"total\": 0, \"notSubmitted\": 0, \"queued\": 0,"
                 " \"running\": 0, \"canceling\": 0, \"finished\": 0, \"failed\": 0, \"canceled\": 0},"
                 " \"connections\": 1, \"launcherConnected\": true, \"storeWritable\": false, \"cgroupRoot\": \"/c\","
                 " \"selfTest\": {\"cloneInto\": true, \"freeze\": true, \"kill\": true, \"controllers\": [],"
                 " \"missingControllers\": [\"memory\", \"pids\"], \"kernel\": \"6.1\"}}" });
    CommandResult result = COMMAND_RUN(&agent, "status");
    cr_expect(strstr(result.output, "tasks              3: 1 finished, 1 failed, 1 canceled\n"), "%s", result.output);
    cr_expect(strstr(result.output, "storeWritable      no\n"));
    cr_expect(strstr(result.output, "missingControllers  memory pids\n"));
    command_expect(result, 0, NULL, "");
    fake_agent_stop(&agent);
}

Test(output, escapes_terminal_controls_in_json) {
    FakeAgent agent;

    FAKE_AGENT_START(&agent,
                     { "GetParameters", "{\"parameters\": [{\"name\": \"a\\u001b\\u007f\\u009b\", \"value\": \"\","
                                        " \"default\": \"\", \"description\": \"\\u00e4\"}]}" });
    CommandResult result = COMMAND_RUN(&agent, "param", "--json");
    cr_expect(strcasestr(result.output, "\"a\\u001b\\u007f\\u009b\""), "%s", result.output);
    cr_expect(strstr(result.output, "\"ä\""), "%s", result.output);
    command_expect(result, 0, NULL, "");
    fake_agent_stop(&agent);
}
