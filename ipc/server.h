// SPDX-License-Identifier: LGPL-2.1-or-later
// A varlink server on a listening unix socket. Brings no event loop: watch ipc_server_fd() for reading and call
// ipc_server_dispatch(). Calls are checked against their interface before a handler sees them; in builds with
// CORRAL_CHECK_REPLIES replies and errors are too, and a mistake is an assertion.
//
// Replies are held: what handlers answer is kept, in order, until ipc_server_release(); so that the owner can make the
// facts durable first. ipc_server_fail_held() replaces all held replies by one error each, when that went wrong.
// A connection's calls are handled in order; the next one is taken up when the one before has its final reply (held or
// not), so many pipelined calls can be handled within one dispatch. What a client has sent whole is handled even when
// it does not wait for the answer; a call that goes on when its client is gone ends with its gone callback, unless it
// is oneway: nobody waited for that one.
//
// Handlers and drained callbacks are called by ipc_server_dispatch() alone, gone callbacks by ipc_server_fail_held()
// and ipc_server_free() too; so replies may be given while walking over calls. None of them may call one of those
// three, or ipc_server_release().
#pragma once

#include "base/cleanup.h"
#include "ipc/json.h"
#include "ipc/peer.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct IpcServer IpcServer;
typedef struct IpcCall IpcCall; // one call that has no final reply yet

typedef struct IpcServerConfig {
    const char *vendor, *product, *version, *url; // for org.varlink.service.GetInfo; borrowed for the server's life
    size_t message_max;                           // bytes of one incoming message
    size_t backlog_max;             // bytes of output that may wait for a client before streams must pause
    size_t connections_max;         // a sixteenth of them is kept for root
    size_t connections_per_uid_max; // not for root
    bool limit_root;                // treat root like everybody else, for tests
} IpcServerConfig;

// message 1 MiB, backlog 1 MiB, 1024 connections, 128 per uid
#define IPC_SERVER_CONFIG_DEFAULT                                                                                      \
    .message_max = 1024 * 1024, .backlog_max = 1024 * 1024, .connections_max = 1024, .connections_per_uid_max = 128

// Handles one call. parameters are checked and borrowed. The handler answers now or later, at most one final reply; it
// owns nothing: the call lives until its final reply or until its client is gone. A negative errno returned without a
// final reply is answered with <interface>.InternalError(reason), or closes the connection where the interface has
// none.
typedef int (*IpcHandler)(IpcCall *call, const json_t *parameters, void *userdata);

typedef struct IpcMethod {
    const char *name; // without the interface
    IpcHandler handler;
    bool needs_more; // refused with <interface>.ExpectedMore when the call does not set more
} IpcMethod;

int ipc_server_new(const IpcServerConfig *config, IpcServer **ret);
IpcServer *ipc_server_free(IpcServer *server); // closes all; gone callbacks are called
DEFINE_CLEANUP(IpcServer, ipc_server_free)

// Adds an interface by its text (borrowed for the server's life). -EINVAL, logged, when a method has no handler or a
// handler no method.
int ipc_server_add_interface(IpcServer *server, const char *text, const IpcMethod *methods, size_t n_methods,
                             void *userdata);

// Takes over a listening socket, once it has succeeded. May be called for several.
int ipc_server_listen(IpcServer *server, int fd);

// Accepts nobody any more: who connects waits in the queue of a socket that somebody else keeps open, or is refused.
void ipc_server_stop_listening(IpcServer *server);

// Takes over a connected socket, in any case. -EUSERS when a limit is reached.
int ipc_server_add_connection(IpcServer *server, int fd);

// Makes a listening unix socket at path with the mode given; a stale socket file is replaced, a living one is
// -EADDRINUSE, a file of another kind -EEXIST.
int ipc_listen_unix(const char *path, mode_t mode, int *ret_fd);

int ipc_server_fd(const IpcServer *server);

// Accepts, reads, handles, writes what is ready, bounded so that no client starves the others. Never blocks. Negative
// errno only for what concerns the whole server; too few descriptors to accept clients is reported once a second.
int ipc_server_dispatch(IpcServer *server);

// Whether replies are held.
bool ipc_server_holds(const IpcServer *server);
// Sends what is held. A full socket keeps the rest until it is writable.
void ipc_server_release(IpcServer *server);
// Replaces every held reply by the error (final; parameters stolen, may be NULL), one for each call; the calls
// concerned are over, and where one had only a part of its replies held, its gone callback is called. The errors are
// held too.
void ipc_server_fail_held(IpcServer *server, const char *error, json_t *parameters);

size_t ipc_server_connections(const IpcServer *server);

const IpcPeer *ipc_call_peer(const IpcCall *call);
const char *ipc_call_method(const IpcCall *call); // full name
bool ipc_call_more(const IpcCall *call);
bool ipc_call_oneway(const IpcCall *call);

// Final reply. parameters stolen, NULL for none. The call is over. 0 or negative errno (out of memory: the connection
// is closed).
int ipc_call_reply(IpcCall *call, json_t *parameters);
// One of several replies (continues: true); only for calls with more. parameters stolen.
int ipc_call_reply_more(IpcCall *call, json_t *parameters);
// Final error by full name, such as "io.corral.Jobs.NoSuchJob". parameters stolen, NULL for none.
int ipc_call_error(IpcCall *call, const char *error, json_t *parameters);
// org.varlink.service.InvalidParameter naming the parameter.
int ipc_call_invalid_parameter(IpcCall *call, const char *parameter);

// Called once when the client is gone, or the call has been ended by ipc_server_fail_held(), before the final reply;
// the call must not be touched afterwards.
void ipc_call_on_gone(IpcCall *call, void (*gone)(IpcCall *call, void *userdata), void *userdata);

// For streams: whether the client's backlog is over the limit; then stop, and go on when drained is called (each time
// the backlog has fallen below half the limit after it was over).
bool ipc_call_congested(const IpcCall *call);
void ipc_call_on_drained(IpcCall *call, void (*drained)(IpcCall *call, void *userdata), void *userdata);
