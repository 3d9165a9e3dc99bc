// SPDX-License-Identifier: LGPL-2.1-or-later
// One client of a server: bytes in, calls one after another, replies held and sent. Private to the server.
#pragma once

#include "ipc/frame.h"
#include "ipc/peer.h"
#include "ipc/server.h"
#include "ipc/source.h"

#include <sys/queue.h>

typedef enum IpcConnectionState {
    IPC_CONNECTION_IDLE,     // takes the next call
    IPC_CONNECTION_HANDLING, // a handler runs
    IPC_CONNECTION_PENDING,  // a handler has run, the final reply is to come
    IPC_CONNECTION_ENDING,   // takes no more calls; closed when all is sent
    IPC_CONNECTION_CLOSED,   // no longer open; freed when nothing can refer to it
} IpcConnectionState;

typedef struct IpcConnection {
    IpcSource source;
    IpcServer *server;
    int fd;
    IpcPeer peer;
    IpcConnectionState state;
    IpcCall *call; // while HANDLING (until its final reply) and PENDING

    // Facts about the socket.
    bool end_of_input; // the client sends no more, but may still read
    bool lost;         // the client reads no more: replies are dropped, but calls sent before are handled
    uint32_t events;   // told by epoll and not yet served
    bool watched;      // is in the epoll set
    uint32_t interest; // what epoll was asked for

    IpcFrames input;
    Buffer output;     // first what is released, then what is held
    size_t released;   // bytes
    size_t held_calls; // calls with held replies
    bool congested;    // there was too much output, and is still more than half of that

    bool ready; // is in the list of those to be served
    TAILQ_ENTRY(IpcConnection) entry, ready_entry, holding_entry;
} IpcConnection;

// Takes fd and peer over, in any case. Negative errno.
int ipc_connection_new(IpcServer *server, int fd, IpcPeer *peer, IpcConnection **ret);
// The call must be gone by then.
IpcConnection *ipc_connection_free(IpcConnection *connection);

// Does what there is to do: sends, reads, handles calls. At most *budget calls, which are taken off it.
void ipc_connection_serve(IpcConnection *connection, size_t *budget);

// Output that has not left.
size_t ipc_connection_backlog(const IpcConnection *connection);

// Each appends a message for a call, held; nothing for oneway calls and lost clients. -ENOMEM ends the connection.
int ipc_connection_append_reply(IpcConnection *connection, IpcCall *call, const json_t *parameters, bool continues);
int ipc_connection_append_error(IpcConnection *connection, IpcCall *call, const char *error, const json_t *parameters);

// The call has its final reply.
void ipc_connection_call_over(IpcConnection *connection);

// Drops everything in both directions and closes as soon as it is served.
void ipc_connection_abandon(IpcConnection *connection);

// Takes it out of the epoll set.
void ipc_connection_unwatch(IpcConnection *connection);

void ipc_connection_release(IpcConnection *connection);
// Gives back the call that had a part of its replies held, or NULL: its owner has to be told.
IpcCall *ipc_connection_fail_held(IpcConnection *connection, const char *error, const json_t *parameters);
// Takes the call out of a connection that is about to be freed.
IpcCall *ipc_connection_take_call(IpcConnection *connection);
