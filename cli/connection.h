// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls to the agent that tell people what went wrong: every failure has been written to standard error when these
// return.
#pragma once

#include "cli/arguments.h"
#include "ipc/client.h"

#define JOBS_INTERFACE "io.corral.Jobs."
// What the agent takes in one message, less room for the method's name.
#define REQUEST_MAX (1024 * 1024 - 1024)

// --socket, else CORRAL_SOCKET, else the default.
const char *connection_path(const Arguments *arguments);

// A call of io.corral.Jobs on a connection of its own. One that the agent has not taken, because it ended just then, is
// made again of the next agent.
typedef struct Call {
    const char *path, *method;
    json_t *parameters; // owned; NULL for none
    IpcCallFlags flags;
    IpcClient *client;
    unsigned repeated;
    bool answered;
} Call;

// Connects and sends it.
int call_send(Call *call);
// Receives one reply. -EREMOTEIO for an error reply.
int call_receive(Call *call, IpcReply *ret);
void call_deinit(Call *call);

// Connects and makes one call of io.corral.Jobs. parameters are stolen, NULL for none.
int connection_call(const Arguments *arguments, const char *method, json_t *parameters, json_t **ret);

// The same with 'more': each() gets every reply's parameters and ends the call with a negative value, which is
// returned. each() itself tells what went wrong.
int connection_stream(const Arguments *arguments, const char *method, json_t *parameters,
                      int (*each)(const json_t *reply, void *userdata), void *userdata);

// Tells that connecting or talking to the agent failed. Returns error.
int connection_complain(int error, const char *path);
int connection_complain_lost(int error);
// Tells what an error reply says. Returns -EREMOTEIO.
int connection_complain_of_reply(const IpcReply *reply);
