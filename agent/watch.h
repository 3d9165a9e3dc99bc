// SPDX-License-Identifier: LGPL-2.1-or-later
// Those who watch transitions. A watcher pulls: it has a cursor into the history and reads on from there whenever
// something was committed and its client keeps up. So a slow client costs nothing and misses nothing, and a cursor is
// all that a reconnect needs.
#pragma once

#include "agent/agent.h"

int watchers_new(Agent *agent, Watchers **ret);
Watchers *watchers_free(Watchers *watchers);

// Makes a watcher of a call (its further life is the call's). jobs: the ids watched, NULL for all that the caller may
// see. With present_first the present state is told before the entries; they begin behind the cursor after. Negative
// errno.
int watchers_add(Watchers *watchers, IpcCall *call, const uint64_t *jobs, size_t n_jobs, bool present_first,
                 uint64_t after);

// After a commit: tells everybody what is new up to and with the entry newest, the last one that is durable. The
// replies are held.
void watchers_notify(Watchers *watchers, uint64_t newest);
