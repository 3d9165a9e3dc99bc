// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/record.h"

#include <stdlib.h>

void job_record_deinit(JobRecord *record) {
    free(record->name);
    free(record->owner);
    free(record->user);
    free(record->error_message);
    free(record->cancel_message);
    free(record->canceled_by);
    *record = (JobRecord){ 0 };
}

void task_record_deinit(TaskRecord *record) {
    free(record->name);
    free(record->error_message);
    free(record->cancel_message);
    free(record->canceled_by);
    *record = (TaskRecord){ 0 };
}

void attempt_record_deinit(AttemptRecord *record) {
    free(record->error_message);
    free(record->evidence);
    *record = (AttemptRecord){ 0 };
}
