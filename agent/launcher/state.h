// SPDX-License-Identifier: LGPL-2.1-or-later
// What the launcher knows: itself, the agent that is connected, and for a while whose groups are whose. Nothing of any
// task.
#pragma once

#include "agent/launcher/identity.h"
#include "agent/launcher/launcher.h"
#include "agent/launcher/packet.h"
#include "agent/launcher/request.h"

typedef struct Launcher {
    LauncherConfig config;
    int agent_fd, listen_fd, signal_fd, proc_fd;
    uid_t agent_uid;           // of the agent that is connected
    int records_fd, output_fd; // its directories, -1 before its HELLO
    void *stack;
    bool privileged;
    bool protected_from_oom;
    uint32_t n_children; // reapers that run, and other processes of a moment
    pid_t probe;         // the newest process that the agent was lent to kill
    char boot_id[BOOT_ID_TEXT];
    Identities identities;
    Packet packet;
    bool held;      // the packet is a message that could not be taken up yet
    bool short_now; // of something: the next try comes after a pause
    Launch launch;
} Launcher;
