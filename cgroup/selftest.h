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

// Makes and removes a cgroup named "selftest" below parent_fd (taking away one left over by a killed run), clones one
// process into it, freezes it, kills it. Bounded to two seconds. 0 when it could be tried at all; leaves nothing
// behind.
int cgroup_self_test(int parent_fd, CgroupSelfTest *ret);
