// SPDX-License-Identifier: LGPL-2.1-or-later
// Messages out of a stream of bytes: each ends with a NUL. Does no reading itself: bytes in, messages out.
#pragma once

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct IpcFrames {
    Buffer buffer;
    size_t message_max;
    size_t taken;   // bytes of the message last given out, with its NUL: dropped by the next call
    size_t scanned; // bytes behind those that are known to hold no NUL, so that none is looked at twice
} IpcFrames;
#define IPC_FRAMES_NULL(max) ((IpcFrames){ .message_max = (max) })

void ipc_frames_deinit(IpcFrames *frames);

// Adds bytes as they came. The caller takes out all whole messages before adding more, which bounds the memory by
// message_max and one addition. -ENOMEM leaves the frames as they were.
int ipc_frames_append(IpcFrames *frames, const void *data, size_t size);

// Gives the next message, without its NUL; it is valid until the next call with these frames. 1; 0 when there is no
// whole one; -EMSGSIZE when the next one is, or will be, longer than message_max: nothing more comes out then.
int ipc_frames_next(IpcFrames *frames, const char **ret_text, size_t *ret_size);

// Whether ipc_frames_next() has anything but 0 to say.
bool ipc_frames_pending(IpcFrames *frames);
