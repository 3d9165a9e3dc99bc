// SPDX-License-Identifier: LGPL-2.1-or-later
// Job files: whatever they say, they give a job or one text that tells what is wrong.
#include "base/cleanup.h"
#include "cli/job-file.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE char *wrong = NULL;
    AUTO_JSON json_t *job = NULL;

    int r = job_file_parse((const char *)data, size, &job, &wrong);
    if (r == 0 ? !json_is_object(job) || wrong : job || !wrong || !wrong[0])
        abort();
    return 0;
}
