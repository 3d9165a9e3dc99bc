// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/output.h"

#include "base/log.h"
#include "cli/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int output_error; // the first negative errno

// Jansson escapes C0 alone; DEL and C1 can only stand within strings, where \u is as good.
static void print_escaped(const uint8_t *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] == 0x7f) {
            fputs("\\u007f", stdout);
        } else if (text[i] == 0xc2 && i + 1 < size && text[i + 1] < 0xa0) {
            printf("\\u%04x", (unsigned)text[i + 1]);
            i++;
        } else {
            putchar(text[i]);
        }
}

void output_json(const json_t *value) {
    Buffer buffer = BUFFER_NULL;

    memory_require(ipc_json_print(value, &buffer) == 0);
    print_escaped(buffer_bytes(&buffer), buffer_size(&buffer));
    putchar('\n');
    buffer_deinit(&buffer);
}

int output_flush(void) {
    errno = EIO;
    if ((fflush(stdout) != 0 || ferror(stdout)) && output_error == 0)
        output_error = -errno;
    return output_error;
}

int output_finish(int status) {
    int r = output_flush();

    if (r == 0 || r == -EPIPE)
        return status;
    log_errno(LOG_ERR, r, "cannot write to standard output");
    return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}
