// SPDX-License-Identifier: LGPL-2.1-or-later
// Tries on a scratch cgroup what Corral depends on, so that a kernel that cannot do it is known at start, by name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct CgroupSelfTest {
    bool clone_into;
    bool freeze;
    bool kill;
    uint64_t empty_notice_usec; // from the kill to the wake-up by cgroup.events; CGROUP_UNKNOWN when it never came
    int error;                  // the first negative errno met, 0 when all went well
} CgroupSelfTest;

// Starts a process in a cgroup, one that does nothing and ends by itself soon. Negative errno.
typedef int (*CgroupSpawn)(int cgroup_fd, void *userdata);

// Makes and removes a cgroup named "selftest" below parent_fd (taking away one left over by a killed run), puts one
// process into it, by spawn or, when that is NULL, by a clone of its own, freezes it, kills it. Bounded to three
// seconds. 0 when it could be tried at all; leaves nothing behind.
int cgroup_self_test(int parent_fd, CgroupSpawn spawn, void *userdata, CgroupSelfTest *ret);
