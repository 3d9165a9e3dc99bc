// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int refuse(char *reterr_text, size_t text_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(char *reterr_text, size_t text_size, const char *format, ...) {
    va_list arguments;

    if (!reterr_text || text_size == 0)
        return -EBADMSG;
    va_start(arguments, format);
    (void)vsnprintf(reterr_text, text_size, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

// Jansson recurses once per level, so the depth is known before it sees the text. Brackets within strings do not
// count; text that is no JSON at all is measured somehow and refused later.
static size_t measure_depth(const char *text, size_t size) {
    size_t depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

int ipc_json_parse(const char *text, size_t size, json_t **ret, char *reterr_text, size_t text_size) {
    json_error_t error;

    if (measure_depth(text, size) > IPC_JSON_DEPTH_MAX)
        return refuse(reterr_text, text_size, "nested more than %d levels deep", IPC_JSON_DEPTH_MAX);
    // Without JSON_ALLOW_NUL, strings with NUL characters are refused; integers beyond 64 bits always are.
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!value && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (!value)
        return refuse(reterr_text, text_size, "line %d, column %d: %s", error.line, error.column, error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return refuse(reterr_text, text_size, "not an object");
    }
    *ret = value;
    return 0;
}

static int append(const char *text, size_t size, void *userdata) {
    return buffer_append(userdata, text, size);
}

int ipc_json_print(const json_t *value, Buffer *buffer) {
    size_t before = buffer_size(buffer);

    if (json_dump_callback(value, append, buffer, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        return 0;
    buffer->end = buffer->begin + before; // nothing half printed stays behind
    return -ENOMEM;
}
