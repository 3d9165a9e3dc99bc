// SPDX-License-Identifier: LGPL-2.1-or-later
// What is accepted is printed, and what was printed is accepted and equal. The rest is refused with a reason.
#include "ipc/json.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AUTO_BUFFER CLEANUP(buffer_deinit)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_JSON json_t *value = NULL, *again = NULL;
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;
    char wrong[100] = "";

    int r = ipc_json_parse((const char *)data, size, &value, wrong, sizeof wrong);
    if (r < 0) {
        if (r != -EBADMSG || wrong[0] == '\0')
            abort();
        return 0;
    }
    if (!json_is_object(value) || ipc_json_print(value, &buffer) < 0)
        abort();
    r = ipc_json_parse((const char *)buffer_bytes(&buffer), buffer_size(&buffer), &again, NULL, 0);
    if (r < 0 || !json_equal(value, again))
        abort();
    return 0;
}
