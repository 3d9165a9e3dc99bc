// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE_MIN 256
#define BUFFER_SIZE_KEPT 65536 // an empty buffer keeps no more than this

void buffer_deinit(Buffer *buffer) {
    free(buffer->data);
    *buffer = BUFFER_NULL;
}

// The allocation that holds size bytes: doubled from the present one, so that appending stays linear in total.
static size_t buffer_grown(const Buffer *buffer, size_t size) {
    size_t doubled = buffer->allocated > SIZE_MAX / 2 ? SIZE_MAX : buffer->allocated * 2;

    if (doubled < BUFFER_SIZE_MIN)
        doubled = BUFFER_SIZE_MIN;
    return size > doubled ? size : doubled;
}

void *buffer_reserve(Buffer *buffer, size_t size) {
    size_t used = buffer_size(buffer);

    if (buffer->data && size <= buffer->allocated - buffer->end)
        return buffer->data + buffer->end;
    if (size > SIZE_MAX - used)
        return NULL;
    // Moving to the front is worth it when at least half is free: then each byte moves at most once per doubling.
    if (!buffer->data || used + size > buffer->allocated / 2) {
        size_t allocated = buffer_grown(buffer, used + size);
        uint8_t *data = malloc(allocated);
        if (!data)
            return NULL;
        if (used > 0)
            memcpy(data, buffer_bytes(buffer), used);
        free(buffer->data);
        buffer->data = data;
        buffer->allocated = allocated;
    } else
        memmove(buffer->data, buffer_bytes(buffer), used);
    buffer->begin = 0;
    buffer->end = used;
    return buffer->data + used;
}

int buffer_append(Buffer *buffer, const void *data, size_t size) {
    if (size == 0)
        return 0;
    void *room = buffer_reserve(buffer, size);
    if (!room)
        return -ENOMEM;
    memcpy(room, data, size);
    buffer->end += size;
    return 0;
}

int buffer_printf(Buffer *buffer, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -EINVAL;
    char *room = buffer_reserve(buffer, (size_t)length + 1);
    if (!room)
        return -ENOMEM;
    va_start(arguments, format);
    length = vsnprintf(room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -EINVAL;
    buffer->end += (size_t)length;
    return 0;
}

void buffer_consume(Buffer *buffer, size_t size) {
    size_t used = buffer_size(buffer);

    if (size < used) {
        buffer->begin += size;
        return;
    }
    if (buffer->allocated > BUFFER_SIZE_KEPT)
        buffer_deinit(buffer);
    buffer->begin = buffer->end = 0;
}
