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

int connection_open(const char *path, IpcClient **ret);

// Sends a call of io.corral.Jobs. parameters are stolen.
int connection_send(IpcClient *client, const char *method, json_t *parameters, IpcCallFlags flags);

// Receives one reply. -EREMOTEIO for an error reply.
int connection_receive(IpcClient *client, IpcReply *ret);

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
