// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/evidence.h"

#include "agent/render.h"

#include <errno.h>
#include <string.h>

int evidence_to_json(const InspectedProcess *processes, size_t n, json_t **ret) {
    AUTO_JSON json_t *array = json_array();

    for (size_t i = 0; array && i < n; i++) {
        json_t *process;
        int r = render_process(&processes[i], &process);
        if (r < 0)
            return r;
        if (json_array_append_new(array, process) < 0)
            return -ENOMEM;
    }
    if (!array)
        return -ENOMEM;
    *ret = TAKE_PTR(array);
    return 0;
}

char *evidence_to_text(const InspectedProcess *processes, size_t n) {
    AUTO_JSON json_t *array = NULL;
    Buffer buffer = BUFFER_NULL;
    char *text = NULL;

    if (evidence_to_json(processes, n, &array) >= 0 && ipc_json_print(array, &buffer) >= 0)
        text = strndup((const char *)buffer_bytes(&buffer), buffer_size(&buffer));
    buffer_deinit(&buffer);
    return text;
}
