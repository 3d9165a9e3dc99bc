// SPDX-License-Identifier: LGPL-2.1-or-later
// An agent without a launcher and without cgroups, and clients of it, all in one process: nothing happens unless the
// harness turns. Kept output lies in the directory of the store.
#pragma once

#include "agent/agent.h"

extern Agent harness_agent;

void harness_start(void);
void harness_stop(void);

typedef struct HarnessClient {
    int fd;
    Buffer input;
} HarnessClient;

// A client with this uid.
HarnessClient harness_connect(uid_t uid);
void harness_disconnect(HarnessClient *client);

// Sends a call with "more". parameters: JSON.
void harness_send(HarnessClient *client, const char *method, const char *parameters);

// The next whole reply; the turns that it needs are made.
json_t *harness_receive(HarnessClient *client);

// Whether a reply comes within some turns in which nothing else happens.
bool harness_is_answered(HarnessClient *client);

// Receives the replies of a list and returns its rows as text, "1 2 3" of field ("id") of each; of an error its name.
const char *harness_list(HarnessClient *client, const char *method, const char *parameters, const char *row,
                         const char *field);

// One turn: everything that is ready, then the commit and its effects.
void harness_turn(void);
