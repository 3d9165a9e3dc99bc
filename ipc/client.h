// SPDX-License-Identifier: LGPL-2.1-or-later
// A small blocking varlink client, for programs that do one thing at a time.
#pragma once

#include "base/cleanup.h"
#include "ipc/json.h"

#include <stdbool.h>

typedef struct IpcClient IpcClient;

typedef enum IpcCallFlags {
    IPC_CALL_MORE = 1 << 0,
    IPC_CALL_ONEWAY = 1 << 1,
} IpcCallFlags;

// Connects to a unix socket path. Negative errno.
int ipc_client_connect(const char *path, IpcClient **ret);
IpcClient *ipc_client_free(IpcClient *client);
DEFINE_CLEANUP(IpcClient, ipc_client_free)
#define AUTO_IPC_CLIENT CLEANUP(cleanup_ipc_client_free)

// To poll for an answer together with other things; blocking reads are in ipc_client_receive().
int ipc_client_fd(const IpcClient *client);

typedef struct IpcReply {
    char *error;        // full name, NULL for a reply
    json_t *parameters; // never NULL after success
    bool continues;
} IpcReply;
#define IPC_REPLY_NULL ((IpcReply){ 0 })
void ipc_reply_deinit(IpcReply *reply);
#define AUTO_IPC_REPLY CLEANUP(ipc_reply_deinit)

// Sends a call; parameters are stolen, NULL for none.
int ipc_client_send(IpcClient *client, const char *method, json_t *parameters, IpcCallFlags flags);
// Waits for the next reply. -ECONNRESET when the server closed; -ECONNABORTED when it did without having read the last
// call whole, which it has not handled then; -EBADMSG for nonsense. ret is deinitialised first.
int ipc_client_receive(IpcClient *client, IpcReply *ret);
// Whether a whole reply is already buffered, so that receive would not block.
bool ipc_client_pending(const IpcClient *client);
// Send and receive one.
int ipc_client_call(IpcClient *client, const char *method, json_t *parameters, IpcReply *ret);
