// SPDX-License-Identifier: LGPL-2.1-or-later
// How a child process ended, also when a tracer keeps that from its parent.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_END_UNKNOWN UINT64_MAX

typedef struct ProcessEnd {
    int wait_status;
    uint64_t user_usec, system_usec;
    uint64_t max_resident; // bytes, or PROCESS_END_UNKNOWN
} ProcessEnd;

// Waits for the end of a child, for as long as it takes, and reaps it if the kernel lets us. The kernel gives the
// status of a traced process to the tracer first, and one outside of the job may never ask for it: then it is read from
// /proc after a second. A status of 0 cannot be learned in this way (see the code), and the wait goes on. Negative
// errno.
int process_end_wait(pid_t pid, int pidfd, ProcessEnd *ret);

// Whether a process is on its way out, or gone: parts of it may be gone before it can be waited for.
bool process_end_has_begun(pid_t pid);
