// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/memory.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void memory_require(bool allocated) {
    if (allocated)
        return;
    log_error("out of memory");
    exit(EXIT_FAILURE);
}

void *memory_new(size_t n, size_t size) {
    void *memory = calloc(n > 0 ? n : 1, size);

    memory_require(memory != NULL);
    return memory;
}

char *memory_printf(const char *format, ...) {
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    memory_require(length >= 0);
    return text;
}

char *memory_text(Buffer *buffer) {
    memory_require(buffer_append(buffer, "", 1) == 0);
    char *text = strndup((const char *)buffer_bytes(buffer), buffer_size(buffer));
    buffer_deinit(buffer);
    memory_require(text != NULL);
    return text;
}

json_t *memory_json(json_t *value) {
    memory_require(value != NULL);
    return value;
}

void memory_set(json_t *object, const char *name, json_t *value) {
    memory_require(json_object_set_new(object, name, value) == 0);
}

void memory_append(json_t *array, json_t *value) {
    memory_require(json_array_append_new(array, value) == 0);
}
