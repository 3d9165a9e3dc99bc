// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/fields.h"

const Field job_fields[] = {
    { "id", FIELD_NUMBER },
    { "name", FIELD_TEXT },
    { "status", FIELD_TEXT },
    { "cause", FIELD_TEXT },
    { "errorMessage", FIELD_TEXT },
    { "cancelMessage", FIELD_TEXT },
    { "canceledBy", FIELD_TEXT },
    { "cancelTime", FIELD_TIME },
    { "pendingReason", FIELD_TEXT },
    { "owner", FIELD_TEXT },
    { "ownerUid", FIELD_NUMBER },
    { "user", FIELD_TEXT },
    { "priority", FIELD_TEXT },
    { "minSlots", FIELD_NUMBER },
    { "maxSlots", FIELD_NUMBER },
    { "runTimeLimit", FIELD_DURATION },
    { "gracePeriod", FIELD_DURATION },
    { "createTime", FIELD_TIME },
    { "submitTime", FIELD_TIME },
    { "startTime", FIELD_TIME },
    { "endTime", FIELD_TIME },
    { "runs", FIELD_NUMBER },
    { "tasks", FIELD_COUNTS },
    { "cpuTime", FIELD_DURATION },
};
const size_t n_job_fields = sizeof job_fields / sizeof *job_fields;

const Field task_fields[] = {
    { "job", FIELD_NUMBER },         { "id", FIELD_NUMBER },       { "name", FIELD_TEXT },
    { "status", FIELD_TEXT },        { "command", FIELD_COMMAND }, { "exitCode", FIELD_NUMBER },
    { "signal", FIELD_SIGNAL },      { "cause", FIELD_TEXT },      { "errorMessage", FIELD_TEXT },
    { "cancelMessage", FIELD_TEXT }, { "canceledBy", FIELD_TEXT }, { "attempt", FIELD_NUMBER },
    { "createTime", FIELD_TIME },    { "startTime", FIELD_TIME },  { "endTime", FIELD_TIME },
    { "rerunnable", FIELD_BOOL },
};
const size_t n_task_fields = sizeof task_fields / sizeof *task_fields;

const Field attempt_fields[] = {
    { "job", FIELD_NUMBER },
    { "task", FIELD_NUMBER },
    { "attempt", FIELD_NUMBER },
    { "run", FIELD_NUMBER },
    { "status", FIELD_TEXT },
    { "cause", FIELD_TEXT },
    { "exitCode", FIELD_NUMBER },
    { "signal", FIELD_SIGNAL },
    { "coreDumped", FIELD_BOOL },
    { "waitStatus", FIELD_NUMBER },
    { "errorMessage", FIELD_TEXT },
    { "startTime", FIELD_TIME },
    { "endTime", FIELD_TIME },
    { "userTime", FIELD_DURATION },
    { "systemTime", FIELD_DURATION },
    { "memoryPeak", FIELD_SIZE },
    { "maxResidentSize", FIELD_SIZE },
    { "processPeak", FIELD_NUMBER },
    { "processesKilled", FIELD_NUMBER },
    { "stdoutSize", FIELD_SIZE },
    { "stdoutDropped", FIELD_SIZE },
    { "stderrSize", FIELD_SIZE },
    { "stderrDropped", FIELD_SIZE },
};
const size_t n_attempt_fields = sizeof attempt_fields / sizeof *attempt_fields;

const Field status_fields[] = {
    { "version", FIELD_TEXT },       { "startTime", FIELD_TIME },     { "bootId", FIELD_TEXT },
    { "slots", FIELD_NUMBER },       { "slotsInUse", FIELD_NUMBER },  { "jobs", FIELD_COUNTS },
    { "tasks", FIELD_COUNTS },       { "connections", FIELD_NUMBER }, { "launcherConnected", FIELD_BOOL },
    { "storeWritable", FIELD_BOOL }, { "cgroupRoot", FIELD_TEXT },    { "held", FIELD_TEXT },
};
const size_t n_status_fields = sizeof status_fields / sizeof *status_fields;

const Field self_test_fields[] = {
    { "kernel", FIELD_TEXT },
    { "cloneInto", FIELD_BOOL },
    { "freeze", FIELD_BOOL },
    { "kill", FIELD_BOOL },
    { "emptyNotice", FIELD_DURATION },
    { "controllers", FIELD_LIST },
    { "missingControllers", FIELD_LIST },
};
const size_t n_self_test_fields = sizeof self_test_fields / sizeof *self_test_fields;
