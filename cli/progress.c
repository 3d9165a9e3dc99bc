// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/progress.h"

#include "cli/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

Progress progress_begin(void) {
    return (Progress){ .shown = isatty(STDERR_FILENO) };
}

char *progress_text(const StatusCounts *counts) {
    static const Status told[] = { STATUS_RUNNING, STATUS_CANCELING, STATUS_FAILED, STATUS_CANCELED };
    Buffer buffer = BUFFER_NULL;

    memory_require(buffer_printf(&buffer, "%" PRId64 "/%" PRId64 " finished", counts->of[STATUS_FINISHED],
                                 status_counts_total(counts)) == 0);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (counts->of[told[i]] > 0)
            memory_require(buffer_printf(&buffer, ", %" PRId64 " %s", counts->of[told[i]], status_name(told[i])) == 0);
    return memory_text(&buffer);
}

void progress_show(Progress *progress, const StatusCounts *counts) {
    if (!progress->shown || status_counts_total(counts) < 2)
        return;
    AUTO_FREE char *text = progress_text(counts);
    fprintf(stderr, "\r%s\033[K", text);
    progress->standing = true;
}

void progress_end(Progress *progress) {
    if (progress->standing)
        fputs("\r\033[K", stderr);
    progress->standing = false;
}
