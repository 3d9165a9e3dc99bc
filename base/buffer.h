// SPDX-License-Identifier: LGPL-2.1-or-later
// A growable run of bytes: append at the end, consume from the front.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Buffer {
    uint8_t *data; // start of the allocation
    size_t begin;  // first byte not yet consumed
    size_t end;    // behind the last byte
    size_t allocated;
} Buffer;

#define BUFFER_NULL ((Buffer){ 0 })

static inline size_t buffer_size(const Buffer *buffer) {
    return buffer->end - buffer->begin;
}

// NULL only when nothing was ever reserved.
static inline uint8_t *buffer_bytes(const Buffer *buffer) {
    return buffer->data ? buffer->data + buffer->begin : NULL;
}

// Releases the memory; the buffer is empty and usable afterwards.
void buffer_deinit(Buffer *buffer);

// Makes room for size more bytes behind the end and returns where they go, NULL when out of memory. Does not move the
// end.
void *buffer_reserve(Buffer *buffer, size_t size);

// Adds size bytes. -ENOMEM leaves the buffer as it was.
int buffer_append(Buffer *buffer, const void *data, size_t size);

// Appends formatted text, without its NUL. 0, -ENOMEM or -EINVAL.
int buffer_printf(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Drops size bytes from the front, all when there are fewer; memory is given back when a large buffer becomes empty.
void buffer_consume(Buffer *buffer, size_t size);
