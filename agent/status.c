// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/status.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const status_names[_STATUS_LAST + 1] = {
    [STATUS_NOT_SUBMITTED] = "notSubmitted", [STATUS_QUEUED] = "queued",     [STATUS_RUNNING] = "running",
    [STATUS_CANCELING] = "canceling",        [STATUS_FINISHED] = "finished", [STATUS_FAILED] = "failed",
    [STATUS_CANCELED] = "canceled",
};

static const char *const cause_names[_CAUSE_LAST + 1] = {
    [CAUSE_NONE] = NULL,
    [CAUSE_EXITED] = "exited",
    [CAUSE_SIGNALED] = "signaled",
    [CAUSE_OUT_OF_MEMORY] = "outOfMemory",
    [CAUSE_LAUNCH_FAILED] = "launchFailed",
    [CAUSE_JOB_CANCELED] = "jobCanceled",
    [CAUSE_TASK_CANCELED] = "taskCanceled",
    [CAUSE_REQUEUED] = "requeued",
    [CAUSE_JOB_RUN_TIME] = "jobRunTime",
    [CAUSE_TASK_RUN_TIME] = "taskRunTime",
    [CAUSE_TASK_FAILED] = "taskFailed",
    [CAUSE_LOST] = "lost",
    [CAUSE_HOST_RESTARTED] = "hostRestarted",
    [CAUSE_SYSTEM_ERROR] = "systemError",
};

static const char *const priority_names[_PRIORITY_LAST + 1] = {
    [PRIORITY_LOWEST] = "lowest",   [PRIORITY_BELOW_NORMAL] = "belowNormal",
    [PRIORITY_NORMAL] = "normal",   [PRIORITY_ABOVE_NORMAL] = "aboveNormal",
    [PRIORITY_HIGHEST] = "highest",
};

const char *status_name(Status status) {
    assert(status <= _STATUS_LAST);
    return status_names[status];
}

const char *cause_name(Cause cause) {
    assert(cause <= _CAUSE_LAST);
    return cause_names[cause];
}

const char *priority_name(Priority priority) {
    assert(priority <= _PRIORITY_LAST);
    return priority_names[priority];
}

static int find_name(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -EINVAL;
}

int status_from_name(const char *name, Status *ret) {
    int i = find_name(status_names, _STATUS_LAST + 1, name);

    if (i < 0)
        return i;
    *ret = (Status)i;
    return 0;
}

int priority_from_name(const char *name, Priority *ret) {
    int i = find_name(priority_names, _PRIORITY_LAST + 1, name);

    if (i < 0)
        return i;
    *ret = (Priority)i;
    return 0;
}
