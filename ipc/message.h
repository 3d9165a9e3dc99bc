// SPDX-License-Identifier: LGPL-2.1-or-later
// The shape of varlink messages: calls, replies, errors. Knows no connections.
#pragma once

#include "ipc/json.h"

#include <stdbool.h>

// What a client asks for; borrows from the message it was read from.
typedef struct IpcRequest {
    const char *method;       // full name
    const json_t *parameters; // an object; NULL when absent or null
    bool more, oneway, upgrade;
} IpcRequest;

// Reads a call. Keys with a dot are extensions and ignored. -EINVAL with the first wrong key in ret_wrong; ret is
// filled as far as possible then, so that oneway is known.
int ipc_request_read(const json_t *message, IpcRequest *ret, const char **ret_wrong);

// Each appends one message with its NUL. parameters may be NULL: none. -ENOMEM leaves the buffer as it was.
int ipc_message_print_call(Buffer *buffer, const char *method, const json_t *parameters, bool more, bool oneway);
int ipc_message_print_reply(Buffer *buffer, const json_t *parameters, bool continues);
int ipc_message_print_error(Buffer *buffer, const char *error, const json_t *parameters);
