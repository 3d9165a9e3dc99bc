// SPDX-License-Identifier: LGPL-2.1-or-later
// What is to be removed once the turn is committed: cgroup directories (tried again while they are busy) and reapers'
// files.
#pragma once

#include "agent/agent.h"

int garbage_new(Agent *agent, Garbage **ret);
Garbage *garbage_free(Garbage *garbage);

// A cgroup below jobs/: "<job>.<run>" or "<job>.<run>/<task>.<attempt>".
void garbage_add_cgroup(Garbage *garbage, const char *path);

// A file in the records directory.
void garbage_add_record(Garbage *garbage, const AttemptKey *key, const char *suffix);

// The kept output of all attempts of a job that is removed from the records.
void garbage_add_output(Garbage *garbage, const AttemptKey *key);

// The turn is committed: what was added up to now may go.
void garbage_commit(Garbage *garbage);

// Removes what may go and can, and comes back later for the rest.
void garbage_collect(Garbage *garbage);

// The turn is lost: forgets what was added since the last commit.
void garbage_forget(Garbage *garbage);
