// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/verdict.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#define INTENT_AT 1000

static LaunchRecord record_of(int wait_status, uint64_t end) {
    return (LaunchRecord){ .wait_status = wait_status, .end_boottime = end };
}

static Verdict decide(EndKind kind, const LaunchRecord *record, Intent job, Intent task) {
    Verdict verdict;

    verdict_decide(&(EndFacts){ .kind = kind,
                                .record = record,
                                .system_error = "cannot do it",
                                .job_intent = job,
                                .task_intent = task,
                                .intent_boottime = job || task ? INTENT_AT : 0,
                                .oom_kills = RECORD_UNKNOWN },
                   &verdict);
    return verdict;
}

#define EXIT(code) ((code) << 8)

static void expect(Verdict verdict, Status attempt, Status task, Cause cause, int exit_code, int signal) {
    cr_assert_eq(verdict.attempt_status, attempt, "attempt is %s", status_name(verdict.attempt_status));
    cr_assert_eq(verdict.task_status, task, "task is %s", status_name(verdict.task_status));
    cr_assert_eq(verdict.cause, cause, "cause is %s", cause_name(verdict.cause));
    cr_assert_eq(verdict.exit_code, exit_code);
    cr_assert_eq(verdict.signal, signal);
}

Test(verdict, own_end) {
    LaunchRecord good = record_of(EXIT(0), 5), bad = record_of(EXIT(3), 5), killed = record_of(SIGSEGV | 0x80, 5);

    expect(decide(END_RECORDED, &good, 0, 0), STATUS_FINISHED, STATUS_FINISHED, CAUSE_EXITED, 0, 0);
    expect(decide(END_RECORDED, &bad, 0, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_EXITED, 3, 0);
    expect(decide(END_RECORDED, &killed, 0, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_SIGNALED, -1, SIGSEGV);
}

Test(verdict, launch_failed) {
    LaunchRecord record = { .step = LAUNCH_STEP_EXEC, .error = ENOENT, .end_boottime = 5 };
    Verdict verdict = decide(END_RECORDED, &record, 0, 0);

    expect(verdict, STATUS_FAILED, STATUS_FAILED, CAUSE_LAUNCH_FAILED, -1, 0);
    cr_assert(strstr(verdict.text, strerror(ENOENT)));
}

Test(verdict, out_of_memory_needs_both) {
    LaunchRecord killed = record_of(SIGKILL, 5), exited = record_of(EXIT(137), 5);
    EndFacts facts = { .kind = END_RECORDED, .record = &killed, .oom_kills = 1 };
    Verdict verdict;

    verdict_decide(&facts, &verdict);
    cr_assert_eq(verdict.cause, CAUSE_OUT_OF_MEMORY);
    facts.oom_kills = 0;
    verdict_decide(&facts, &verdict);
    cr_assert_eq(verdict.cause, CAUSE_SIGNALED);
    facts.oom_kills = 1;
    facts.record = &exited; // 137 is an exit code here, not a signal
    verdict_decide(&facts, &verdict);
    cr_assert_eq(verdict.cause, CAUSE_EXITED);
    cr_assert_eq(verdict.exit_code, 137);
}

Test(verdict, stopped) {
    LaunchRecord killed = record_of(SIGKILL, INTENT_AT + 5), left = record_of(EXIT(0), INTENT_AT + 5);

    expect(decide(END_RECORDED, &killed, INTENT_CANCEL, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_CANCELED, -1,
           SIGKILL);
    // Its handler of SIGTERM exits with 0: the exit code is true, and so is that it was canceled.
    expect(decide(END_RECORDED, &left, INTENT_CANCEL, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_CANCELED, 0, 0);
    expect(decide(END_RECORDED, &killed, 0, INTENT_CANCEL), STATUS_CANCELED, STATUS_CANCELED, CAUSE_TASK_CANCELED, -1,
           SIGKILL);
    expect(decide(END_RECORDED, &killed, INTENT_REQUEUE, 0), STATUS_CANCELED, STATUS_QUEUED, CAUSE_REQUEUED, -1,
           SIGKILL);
    expect(decide(END_RECORDED, &killed, 0, INTENT_REQUEUE), STATUS_CANCELED, STATUS_QUEUED, CAUSE_REQUEUED, -1,
           SIGKILL);
    expect(decide(END_RECORDED, &killed, INTENT_RUN_TIME, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_RUN_TIME, -1,
           SIGKILL);
    expect(decide(END_RECORDED, &killed, 0, INTENT_RUN_TIME), STATUS_FAILED, STATUS_FAILED, CAUSE_TASK_RUN_TIME, -1,
           SIGKILL);
}

Test(verdict, the_first_reason_of_a_task_stands) {
    LaunchRecord killed = record_of(SIGKILL, INTENT_AT + 5);

    expect(decide(END_RECORDED, &killed, INTENT_CANCEL, INTENT_CANCEL), STATUS_CANCELED, STATUS_CANCELED,
           CAUSE_TASK_CANCELED, -1, SIGKILL);
}

Test(verdict, own_end_before_the_intent) {
    LaunchRecord good = record_of(EXIT(0), INTENT_AT - 1), bad = record_of(EXIT(7), INTENT_AT - 1);

    expect(decide(END_RECORDED, &good, INTENT_CANCEL, 0), STATUS_FINISHED, STATUS_FINISHED, CAUSE_EXITED, 0, 0);
    expect(decide(END_RECORDED, &bad, 0, INTENT_REQUEUE), STATUS_FAILED, STATUS_FAILED, CAUSE_EXITED, 7, 0);
}

Test(verdict, never_a_number_that_is_not_known) {
    expect(decide(END_LOST, NULL, 0, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_LOST, -1, 0);
    expect(decide(END_HOST_RESTARTED, NULL, 0, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_HOST_RESTARTED, -1, 0);
    expect(decide(END_SYSTEM_ERROR, NULL, 0, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_SYSTEM_ERROR, -1, 0);
    expect(decide(END_LOST, NULL, INTENT_CANCEL, 0), STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_CANCELED, -1, 0);
}

Test(verdict, host_restarted_and_rerunnable) {
    EndFacts facts = { .kind = END_HOST_RESTARTED, .oom_kills = RECORD_UNKNOWN, .may_retry = true };
    Verdict verdict;

    verdict_decide(&facts, &verdict);
    expect(verdict, STATUS_FAILED, STATUS_QUEUED, CAUSE_HOST_RESTARTED, -1, 0);
    // A cancel of before stands.
    facts.job_intent = INTENT_CANCEL;
    facts.intent_boottime = INTENT_AT;
    verdict_decide(&facts, &verdict);
    expect(verdict, STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_CANCELED, -1, 0);
}

Test(verdict, never_launched) {
    expect(decide(END_NEVER_LAUNCHED, NULL, 0, 0), STATUS_CANCELED, STATUS_QUEUED, CAUSE_SYSTEM_ERROR, -1, 0);
    // Under a cancel it is one that never ran.
    expect(decide(END_NEVER_LAUNCHED, NULL, INTENT_CANCEL, 0), STATUS_CANCELED, STATUS_CANCELED, CAUSE_JOB_CANCELED, -1,
           0);
    expect(decide(END_NEVER_LAUNCHED, NULL, INTENT_REQUEUE, 0), STATUS_CANCELED, STATUS_QUEUED, CAUSE_REQUEUED, -1, 0);
}

Test(verdict, job) {
    cr_assert_eq(verdict_job(0), STATUS_FINISHED);
    cr_assert_eq(verdict_job(1), STATUS_FAILED);
}
