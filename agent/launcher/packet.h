// SPDX-License-Identifier: LGPL-2.1-or-later
// One message as it came from the agent, with its descriptors. Whatever is wrong with it is found here or in the table
// of the launcher, before anything is done.
#pragma once

#include "agent/launcher/protocol.h"

#include <stddef.h>

#define PACKET_FDS_MAX 2

typedef struct Packet {
    union {
        LauncherHeader header;
        SignalRequest signal;
        InspectRequest inspect;
        ProbeRequest probe;
        LaunchRequest launch;
        char bytes[LAUNCHER_MESSAGE_MAX];
    };
    size_t size;
    int fds[PACKET_FDS_MAX]; // the first n_fds are open
    size_t n_fds;
} Packet;

// Receives one message. 1 when there is one, 0 at the end of the connection, -EBADMSG when it is too long or has too
// many descriptors (all are closed then), -EMFILE when there is no room for its descriptors and it has been left where
// it is, another negative errno when the connection failed.
int packet_receive(int fd, Packet *ret);

// Closes the descriptors that are still there.
void packet_close(Packet *packet);
