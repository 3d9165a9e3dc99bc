// SPDX-License-Identifier: LGPL-2.1-or-later
// The launcher: takes messages from one agent and acts on them, one after another. See protocol.h for what they mean.
#pragma once

#include "agent/launcher/policy.h"

#include <stddef.h>
#include <sys/types.h>

typedef struct LauncherConfig {
    int agent_fd;    // the connection to the agent, or -1 with:
    int listen_fd;   // a listening socket, or -1
    uid_t agent_uid; // who may connect to it, besides root
    const char
        *cgroup_root; // <cgroup_root>/jobs is where cgroups have to lie; NULL: anywhere (an agent's own launcher)
    const char *groups_program; // corral-groups, asked whose groups are whose; NULL: the agent's word is taken
    Policy policy;
    const char *policy_path; // read again at SIGHUP; NULL: none
    char *title;             // the memory ps(1) shows as command line, may be NULL
    size_t title_size;
} LauncherConfig;

// Runs until the connection that was given ends, or SIGTERM. The reapers live on. Takes both descriptors. Returns the
// exit status of the program: 1 when an agent that was given broke the protocol.
int launcher_run(const LauncherConfig *config);
