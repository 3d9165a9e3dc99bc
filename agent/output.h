// SPDX-License-Identifier: LGPL-2.1-or-later
// Those who read kept output, and go on reading while it is written. Nothing here costs anything while nobody does.
#pragma once

#include "agent/agent.h"
#include "agent/launcher/protocol.h"

int followers_new(Agent *agent, Followers **ret);
Followers *followers_free(Followers *followers);

typedef struct OutputRequest {
    AttemptKey key;     // attempt 0: the first one of the task, once it starts; only with follow
    const char *suffix; // STDOUT_SUFFIX or STDERR_SUFFIX
    uint64_t offset;
    bool follow; // until the attempt has ended
} OutputRequest;

// Answers the call with what is there from offset, in pieces, and goes on while it is to follow. The final reply has no
// data. Negative errno.
int followers_add(Followers *followers, IpcCall *call, const OutputRequest *request);

// An attempt has ended, and its output is complete: those who follow it read what is left and are done.
void output_attempt_ended(Agent *agent, const AttemptKey *key);

// After a commit: those who wait for a task to start look whether it has, or never will.
void followers_notify(Followers *followers);
