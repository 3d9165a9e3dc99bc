// SPDX-License-Identifier: LGPL-2.1-or-later
// clone3(2) in the manner of vfork(2): the child borrows the memory of the caller, who sleeps until it executes or
// ends.
#pragma once

#include <sys/types.h>

#define CLONE_STACK_SIZE (64u * 1024u)

// Memory for the child's stack, with a guard page below. Negative errno.
int clone_stack_new(void **ret);

// Starts function(argument) in a new process in the cgroup; function must not return, must use async-signal-safe calls
// alone, and what it writes to memory the caller sees. Handlers of signals are reset; mask and ignored signals are
// inherited. Returns the pid and gives a pidfd, or a negative errno.
pid_t clone_into(int cgroup_fd, void *stack, void (*function)(void *argument), void *argument, int *ret_pidfd);
