// SPDX-License-Identifier: LGPL-2.1-or-later
// Bytes dribbled into the framing come out as the messages between the NULs, however they were cut. The first byte is
// the size of the pieces.
#include "base/cleanup.h"
#include "ipc/frame.h"

#include <stdbool.h>
#include <string.h>

#define MESSAGE_MAX 256
#define AUTO_FRAMES CLEANUP(ipc_frames_deinit)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool fact) {
    if (!fact)
        abort();
}

// Takes out what is whole, comparing it with where it must have come from. False when nothing more will come.
static bool take_out(IpcFrames *frames, const uint8_t *data, size_t *taken) {
    const char *text;
    size_t length;
    int r;

    while ((r = ipc_frames_next(frames, &text, &length)) > 0) {
        require(length <= MESSAGE_MAX);
        require(memcmp(text, data + *taken, length + 1) == 0 && strlen(text) == length);
        *taken += length + 1;
    }
    return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(MESSAGE_MAX);
    size_t taken = 0, given = 0;
    bool open = true;

    if (size == 0)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    data++;
    size--;
    for (; given < size && open; given += piece < size - given ? piece : size - given) {
        require(ipc_frames_append(&frames, data + given, piece < size - given ? piece : size - given) == 0);
        open = take_out(&frames, data, &taken);
        require(ipc_frames_pending(&frames) == !open);
    }
    // What has not come out is the beginning of one message, or one that is too long.
    const uint8_t *end = size > taken ? memchr(data + taken, 0, size - taken) : NULL;
    size_t rest = end ? (size_t)(end - data) - taken : size - taken;
    require(open ? !end && rest <= MESSAGE_MAX : rest > MESSAGE_MAX);
    return 0;
}
