// SPDX-License-Identifier: LGPL-2.1-or-later
// An exit status is never invented: what is not in a record is unknown, and says so.
#include "agent/verdict.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

// What a stop makes of what it stopped.
static const struct {
    Status attempt_status;
    Status task_status;
    Cause cause;
    const char *text;
} stopped[2][_INTENT_LAST + 1] = {
    // a stop of the whole job
    {
        [INTENT_CANCEL] = { STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_CANCELED, "the job was canceled" },
        [INTENT_REQUEUE] = { STATUS_CANCELED, STATUS_QUEUED, CAUSE_REQUEUED, "the job was requeued" },
        [INTENT_RUN_TIME] = { STATUS_FAILED, STATUS_FAILED, CAUSE_JOB_RUN_TIME,
                              "the job's run-time limit was exceeded" },
    },
    // a stop of the task alone
    {
        [INTENT_CANCEL] = { STATUS_CANCELED, STATUS_CANCELED, CAUSE_TASK_CANCELED, "the task was canceled" },
        [INTENT_REQUEUE] = { STATUS_CANCELED, STATUS_QUEUED, CAUSE_REQUEUED, "the task was requeued" },
        [INTENT_RUN_TIME] = { STATUS_FAILED, STATUS_FAILED, CAUSE_TASK_RUN_TIME,
                              "the task's run-time limit was exceeded" },
    },
};

static void set(Verdict *verdict, Status status, Cause cause) {
    verdict->attempt_status = verdict->task_status = status;
    verdict->cause = cause;
}

// The end was the task's own doing (or the kernel's, or a stranger's).
static void decide_own_end(const EndFacts *facts, Verdict *verdict) {
    const LaunchRecord *record = facts->record;

    if (record->step != LAUNCH_STEP_NONE) {
        set(verdict, STATUS_FAILED, CAUSE_LAUNCH_FAILED);
        snprintf(verdict->text, sizeof verdict->text, "cannot %s: %s", launch_step_text((LaunchStep)record->step),
                 strerror(record->error));
    } else if (WIFEXITED(record->wait_status)) {
        set(verdict, WEXITSTATUS(record->wait_status) == 0 ? STATUS_FINISHED : STATUS_FAILED, CAUSE_EXITED);
        if (verdict->task_status == STATUS_FAILED)
            snprintf(verdict->text, sizeof verdict->text, "exited with code %d", WEXITSTATUS(record->wait_status));
    } else {
        bool oom =
            facts->oom_kills != RECORD_UNKNOWN && facts->oom_kills > 0 && WTERMSIG(record->wait_status) == SIGKILL;
        set(verdict, STATUS_FAILED, oom ? CAUSE_OUT_OF_MEMORY : CAUSE_SIGNALED);
        if (oom)
            snprintf(verdict->text, sizeof verdict->text, "killed by the kernel: out of memory");
        else
            snprintf(verdict->text, sizeof verdict->text, "killed by signal %d (%s)", WTERMSIG(record->wait_status),
                     strsignal(WTERMSIG(record->wait_status)));
    }
}

static void decide_unrecorded(const EndFacts *facts, Verdict *verdict) {
    switch (facts->kind) {
    case END_NEVER_LAUNCHED:
        verdict->attempt_status = STATUS_CANCELED;
        verdict->task_status = STATUS_QUEUED;
        verdict->cause = CAUSE_SYSTEM_ERROR;
        snprintf(verdict->text, sizeof verdict->text, "never launched; the task is queued again");
        break;
    case END_LOST:
        set(verdict, STATUS_FAILED, CAUSE_LOST);
        snprintf(verdict->text, sizeof verdict->text, "its supervisor was killed: the exit status is lost");
        break;
    case END_HOST_RESTARTED:
        set(verdict, STATUS_FAILED, CAUSE_HOST_RESTARTED);
        if (facts->may_retry)
            verdict->task_status = STATUS_QUEUED;
        snprintf(verdict->text, sizeof verdict->text, "the machine went down while it ran%s",
                 facts->may_retry ? "; the task is queued again" : "");
        break;
    case END_SYSTEM_ERROR:
        set(verdict, STATUS_FAILED, CAUSE_SYSTEM_ERROR);
        snprintf(verdict->text, sizeof verdict->text, "%s", facts->system_error);
        break;
    case END_RECORDED:
        break;
    }
}

void verdict_decide(const EndFacts *facts, Verdict *ret) {
    bool alone = facts->task_intent != INTENT_NONE;
    Intent intent = alone ? facts->task_intent : facts->job_intent;
    const LaunchRecord *record = facts->record;

    *ret = (Verdict){ .exit_code = -1 };
    if (facts->kind == END_RECORDED && record->step == LAUNCH_STEP_NONE) {
        if (WIFEXITED(record->wait_status))
            ret->exit_code = WEXITSTATUS(record->wait_status);
        else if (WIFSIGNALED(record->wait_status))
            ret->signal = WTERMSIG(record->wait_status);
    }

    bool own_end = facts->kind == END_RECORDED && record->end_boottime < facts->intent_boottime;
    if (facts->kind == END_RECORDED && (intent == INTENT_NONE || own_end)) {
        decide_own_end(facts, ret);
    } else if (intent == INTENT_NONE) {
        decide_unrecorded(facts, ret);
    } else {
        ret->attempt_status = stopped[alone][intent].attempt_status;
        ret->task_status = stopped[alone][intent].task_status;
        if (facts->kind == END_NEVER_LAUNCHED && ret->task_status == STATUS_FAILED) // it never ran: nothing failed
            ret->attempt_status = ret->task_status = STATUS_CANCELED;
        ret->cause = stopped[alone][intent].cause;
        snprintf(ret->text, sizeof ret->text, "%s", stopped[alone][intent].text);
    }
}

Status verdict_job(uint64_t tasks_failed) {
    return tasks_failed > 0 ? STATUS_FAILED : STATUS_FINISHED;
}
