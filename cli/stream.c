// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/stream.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/connection.h"
#include "cli/memory.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#define PATIENCE (30 * USEC_PER_SEC) // an agent that restarts is back long before
#define RETRY_INTERVAL (200 * USEC_PER_MSEC)
#define STEADY (5 * USEC_PER_SEC) // a connection that held this long was a good one, replies or not
#define STREAMS_MAX 8

void stream_deinit(Stream *stream) {
    stream->client = ipc_client_free(stream->client);
    stream->broken_since = 0;
}

bool stream_is_open(const Stream *stream) {
    return stream->client || stream->broken_since > 0;
}

bool stream_is_pending(const Stream *stream) {
    return stream->client && ipc_client_pending(stream->client);
}

static int stream_connect(Stream *stream) {
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_FREE char *name = memory_printf(JOBS_INTERFACE "%s", stream->method);

    int r = ipc_client_connect(stream->socket_path, &client);
    if (r < 0)
        return r;
    r = ipc_client_send(client, name, stream->parameters(stream->userdata), IPC_CALL_MORE);
    if (r < 0)
        return r;
    stream->client = TAKE_PTR(client);
    stream->connected_at = clock_boottime();
    return 0;
}

int stream_open(Stream *stream) {
    int r = stream_connect(stream);
    return r < 0 ? connection_complain(r, stream->socket_path) : 0;
}

// Notes that there is no agent at the moment. Negative when that has lasted too long.
static int stream_break(Stream *stream, int error) {
    uint64_t now = clock_boottime();

    if (stream->client && now - stream->connected_at >= STEADY)
        stream->broken_since = 0;
    stream->client = ipc_client_free(stream->client);
    if (stream->broken_since == 0)
        stream->broken_since = now > 0 ? now : 1;
    if (now - stream->broken_since < PATIENCE)
        return 0;
    log_error("the agent has been away for too long: %s; jobs go on without it", strerror(-error));
    return error;
}

int stream_receive(Stream *stream, IpcReply *ret) {
    if (!stream->client) {
        int r = stream_connect(stream);
        return r < 0 ? stream_break(stream, r) : 0;
    }
    int r = ipc_client_receive(stream->client, ret);
    if (r == -EBADMSG)
        return connection_complain_lost(r);
    if (r < 0)
        return stream_break(stream, r);
    stream->broken_since = 0;
    return 1;
}

// What there is without waiting: replies that have been read already, and connections to be made again.
static unsigned streams_ready(Stream *const *streams, size_t n, bool *ret_broken) {
    unsigned ready = 0;

    *ret_broken = false;
    for (size_t i = 0; i < n; i++) {
        if (stream_is_pending(streams[i]))
            ready |= 1u << i;
        *ret_broken |= !streams[i]->client && streams[i]->broken_since > 0;
    }
    return ready;
}

static int timeout_until(uint64_t deadline) {
    uint64_t now = clock_boottime();

    if (deadline == UINT64_MAX)
        return -1;
    uint64_t milliseconds = deadline > now ? (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
    return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

unsigned streams_wait(Stream *const *streams, size_t n, int fd, uint64_t deadline) {
    struct pollfd polled[STREAMS_MAX + 1];
    bool broken;
    unsigned ready = streams_ready(streams, n, &broken);

    for (size_t i = 0; i < n; i++)
        polled[i] =
            (struct pollfd){ .fd = streams[i]->client ? ipc_client_fd(streams[i]->client) : -1, .events = POLLIN };
    polled[n] = (struct pollfd){ .fd = fd, .events = POLLIN };
    uint64_t retry = broken ? clock_boottime() + RETRY_INTERVAL : UINT64_MAX;
    bool retries = retry < deadline;
    int answered = poll(polled, n + 1, ready ? 0 : timeout_until(retries ? retry : deadline));
    for (size_t i = 0; answered > 0 && i <= n; i++)
        if (polled[i].revents)
            ready |= 1u << i;
    // Connections are tried again when nothing else happens for a while.
    for (size_t i = 0; answered == 0 && retries && i < n; i++)
        if (!streams[i]->client && streams[i]->broken_since > 0)
            ready |= 1u << i;
    return ready;
}
