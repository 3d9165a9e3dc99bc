// SPDX-License-Identifier: LGPL-2.1-or-later
// One call that has no final reply yet. Private to the server; the public part is in server.h.
#pragma once

#include "ipc/server-private.h"

struct IpcCall {
    IpcConnection *connection;
    const IpcBinding *binding; // NULL when there is no such interface
    const IpcBoundMethod *method;
    bool more, oneway;
    bool held; // one of the replies held is its own
    void (*gone)(IpcCall *call, void *userdata);
    void *gone_userdata;
    void (*drained)(IpcCall *call, void *userdata);
    void *drained_userdata;
    STAILQ_ENTRY(IpcCall) entry; // on the way out
};

IpcCall *ipc_call_free(IpcCall *call);

// Tells the owner that nobody waits any more, and frees it. The connection has let go of it. NULL is fine.
void ipc_call_give_up(IpcCall *call);

// Aborts when an error does not agree with the interface that defines it, in builds with CORRAL_CHECK_REPLIES.
void ipc_server_check_error(const IpcServer *server, const char *error, const json_t *parameters);

// An error of org.varlink.service with one parameter; name without the interface.
int ipc_call_service_error(IpcCall *call, const char *name, const char *parameter, const char *value);
