// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/frame.h"

#include <errno.h>
#include <string.h>

#define IDLE_MEMORY_MAX 4096 // connections that only wait cost no more

void ipc_frames_deinit(IpcFrames *frames) {
    buffer_deinit(&frames->buffer);
    frames->taken = frames->scanned = 0;
}

static void drop_taken(IpcFrames *frames) {
    if (frames->taken == 0)
        return;
    buffer_consume(&frames->buffer, frames->taken);
    frames->taken = 0;
    if (buffer_size(&frames->buffer) == 0 && frames->buffer.allocated > IDLE_MEMORY_MAX)
        buffer_deinit(&frames->buffer);
}

int ipc_frames_append(IpcFrames *frames, const void *data, size_t size) {
    drop_taken(frames);
    return buffer_append(&frames->buffer, data, size);
}

// Looks at what has not been looked at. 1 with the length of the first message, 0 or -EMSGSIZE.
static int find_end(IpcFrames *frames, size_t *ret_length) {
    drop_taken(frames);
    size_t size = buffer_size(&frames->buffer);

    if (size > frames->scanned) {
        const uint8_t *bytes = buffer_bytes(&frames->buffer);
        const uint8_t *end = memchr(bytes + frames->scanned, 0, size - frames->scanned);
        frames->scanned = end ? (size_t)(end - bytes) : size;
    }
    if (frames->scanned > frames->message_max)
        return -EMSGSIZE;
    *ret_length = frames->scanned;
    return frames->scanned < size;
}

int ipc_frames_next(IpcFrames *frames, const char **ret_text, size_t *ret_size) {
    size_t length;

    int r = find_end(frames, &length);
    if (r <= 0)
        return r;
    frames->taken = length + 1;
    frames->scanned = 0;
    *ret_text = (const char *)buffer_bytes(&frames->buffer);
    *ret_size = length;
    return 1;
}

bool ipc_frames_pending(IpcFrames *frames) {
    size_t length;

    return find_end(frames, &length) != 0;
}
