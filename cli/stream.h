// SPDX-License-Identifier: LGPL-2.1-or-later
// A call with 'more' that outlives the agent: when the connection breaks it is made again, with parameters that go on
// where the last reply ended, until the agent has been away for too long.
#pragma once

#include "ipc/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Stream {
    const char *socket_path; // borrowed
    const char *method;      // without the interface; borrowed
    json_t *(*parameters)(void *userdata);
    void *userdata;
    IpcClient *client; // NULL while there is no connection
    // By clock_boottime(). broken_since: 0 until the connection breaks and when a reply came after that.
    uint64_t connected_at, broken_since;
} Stream;

void stream_deinit(Stream *stream);

// Connects and calls; the four members above are set. Failures are told, as always here.
int stream_open(Stream *stream);

// Whether it was opened and not closed since.
bool stream_is_open(const Stream *stream);

// Whether a reply is there already.
bool stream_is_pending(const Stream *stream);

// Takes one reply, waiting for it when there is a connection: 1. 0 when there is none now, call again later. Negative
// when the agent has been away for too long, which has been told. A reply may be an error.
int stream_receive(Stream *stream, IpcReply *ret);

// Waits until one of the open streams has something to receive, a descriptor is readable (-1: none), or the deadline
// by clock_boottime() is there (UINT64_MAX: none). Returns a mask: bit i for streams[i], bit n for the descriptor; 0
// at the deadline. At most 8 streams.
unsigned streams_wait(Stream *const *streams, size_t n, int fd, uint64_t deadline);
