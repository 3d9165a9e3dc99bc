// SPDX-License-Identifier: LGPL-2.1-or-later
// clone3(2) with the memory of the caller, and a gate between the two: the child makes itself ready and waits; the
// caller looks at it from outside, and opens the gate or kills it. What happens to the child, for want of memory above
// all, does not happen to the caller.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLONE_STACK_SIZE (64u * 1024u)

typedef struct CloneGate {
    _Atomic uint32_t state;
} CloneGate;

// Memory for the stacks that clone_into() needs. Negative errno.
int clone_stack_new(void **ret);

// Starts function(argument) in a new process in the cgroup, and waits until it calls clone_gate_pass() or ends;
// ret_ready: it is at the gate. function must not return and must use async-signal-safe calls alone, and stack and gate
// are the child's until it has executed a program or ended. The two share errno, so the caller does nothing but wait
// for the gate while the child is not waiting itself. Handlers of signals are reset; mask and ignored signals are
// inherited. Returns the pid and gives a pidfd, or a negative errno.
pid_t clone_into(int cgroup_fd, void *stack, void (*function)(void *argument), void *argument, CloneGate *gate,
                 int *ret_pidfd, bool *ret_ready);

// fork(2), into a cgroup unless cgroup_fd is negative. Returns as fork(2), with a negative errno.
pid_t clone_fork(int cgroup_fd);

// For the child: tells that it is ready, and returns when the gate is open.
void clone_gate_pass(CloneGate *gate);

// For the caller: opens the gate.
void clone_gate_open(CloneGate *gate);

// For the caller: waits until the child has executed a program or ended.
void clone_gate_leave(CloneGate *gate);
