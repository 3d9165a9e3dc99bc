// SPDX-License-Identifier: LGPL-2.1-or-later
// The processes of a cgroup and of all cgroups below it.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

// Sees one process; a negative errno ends the walk and becomes its result.
typedef int (*MemberFunction)(pid_t pid, void *userdata);

// Calls function for each process of the subtree, in no order. A process that moves or forks meanwhile may be seen
// twice or be missed; cgroups that vanish meanwhile are no error. Those of another pid namespace are not seen.
// -ELOOP when the tree is deeper than anything sensible: what lies deeper was not walked.
int members_walk(int cgroup_fd, MemberFunction function, void *userdata);

// Sends signal to each process of the subtree, and SIGCONT after it if continue_after. Looks again until a look finds
// no process that has not been sent it, a bounded number of times. Each process is held by a pidfd while its membership
// is looked up again, so that no pid that is used anew is ever hit. Never pid 1, the caller or its parent.
// Returns how many were sent it; a process that cannot be signalled is skipped.
int members_signal(int cgroup_fd, int signal, bool continue_after);
