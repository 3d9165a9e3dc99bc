// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose tasks the launcher starts, whatever the agent says: its own configuration, which belongs to root.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define POLICY_RANGES_MAX 64u // policy.c tells people so, too

typedef struct UidRange {
    uid_t first, last;
} UidRange;

typedef struct Policy {
    bool root_jobs; // uid 0, whatever the ranges say
    UidRange uids[POLICY_RANGES_MAX];
    uint32_t n_uids;
} Policy;

// Of a launcher that is told nothing: no tasks of root, none of system users.
#define POLICY_DEFAULT ((Policy){ .uids = { { 1000, UINT32_MAX - 1 } }, .n_uids = 1 })
// Of one that belongs to its agent: its agent could do all of it by itself.
#define POLICY_ALL ((Policy){ .root_jobs = true, .uids = { { 1, UINT32_MAX - 1 } }, .n_uids = 1 })

// Of one without privileges.
#define POLICY_ONLY(uid) ((Policy){ .uids = { { (uid), (uid) } }, .n_uids = 1 })

// Reads a file (see corral-launcher(8)) over the defaults. Negative errno, logged; ret is untouched then.
int policy_read(const char *path, Policy *ret);

bool policy_allows(const Policy *policy, uid_t uid);
