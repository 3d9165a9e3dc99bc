// SPDX-License-Identifier: LGPL-2.1-or-later
// What is to be removed once the turn is committed: cgroup directories (tried again while they are busy) and reapers'
// files.
#pragma once

#include "agent/agent.h"

int garbage_new(Agent *agent, Garbage **ret);
Garbage *garbage_free(Garbage *garbage);

// A cgroup below jobs/: "<job>.<run>", or whatever an orphan is called.
void garbage_add_cgroup(Garbage *garbage, const char *path);

// The cgroup of an attempt, and then its file in the records directory that ends in suffix (NULL: none). In this order:
// as long as the cgroup is there, a claim may be what keeps a late reaper from launching into it.
void garbage_add_attempt(Garbage *garbage, const AttemptKey *key, const char *suffix);

// The kept output of all attempts of a job that is removed from the records.
void garbage_add_output(Garbage *garbage, const AttemptKey *key);

// The turn is committed: what was added up to now may go.
void garbage_commit(Garbage *garbage);

// Removes what may go and can, and comes back later for the rest.
void garbage_collect(Garbage *garbage);

// The turn is lost: forgets what was added since the last commit.
void garbage_forget(Garbage *garbage);
