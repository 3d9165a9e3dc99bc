// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/status.h"

#include <errno.h>
#include <string.h>

static const char *const names[_STATUS_LAST + 1] = {
    [STATUS_NOT_SUBMITTED] = "notSubmitted", [STATUS_QUEUED] = "queued",     [STATUS_RUNNING] = "running",
    [STATUS_CANCELING] = "canceling",        [STATUS_FINISHED] = "finished", [STATUS_FAILED] = "failed",
    [STATUS_CANCELED] = "canceled",
};

const char *status_name(Status status) {
    return names[status];
}

int status_from_name(const char *name, Status *ret) {
    for (Status status = 0; name && status <= _STATUS_LAST; status++)
        if (strcmp(names[status], name) == 0) {
            *ret = status;
            return 0;
        }
    return -EINVAL;
}

bool status_is_over(Status status) {
    return status == STATUS_FINISHED || status == STATUS_FAILED || status == STATUS_CANCELED;
}

Style status_style(const char *name) {
    static const Style styles[_STATUS_LAST + 1] = {
        [STATUS_NOT_SUBMITTED] = STYLE_FAINT, [STATUS_QUEUED] = STYLE_PLAIN,  [STATUS_RUNNING] = STYLE_BUSY,
        [STATUS_CANCELING] = STYLE_WARNING,   [STATUS_FINISHED] = STYLE_GOOD, [STATUS_FAILED] = STYLE_BAD,
        [STATUS_CANCELED] = STYLE_WARNING,
    };
    Status status;

    return status_from_name(name, &status) < 0 ? STYLE_PLAIN : styles[status];
}

StatusCounts status_counts_read(const json_t *counts) {
    StatusCounts result = { 0 };

    for (Status status = 0; status <= _STATUS_LAST; status++)
        result.of[status] = json_integer_value(json_object_get(counts, names[status]));
    return result;
}

int64_t status_counts_total(const StatusCounts *counts) {
    int64_t total = 0;

    for (Status status = 0; status <= _STATUS_LAST; status++)
        total += counts->of[status];
    return total;
}
