// SPDX-License-Identifier: LGPL-2.1-or-later
// Who is at the other end of a unix socket, as the kernel noted it when the connection was made.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct IpcPeer {
    uid_t uid;
    gid_t gid;
    pid_t pid; // for log lines only: never a reason to allow anything
    size_t n_groups;
    gid_t *groups; // supplementary groups
} IpcPeer;

// SO_PEERCRED and SO_PEERGROUPS. Negative errno; the peer is untouched then.
int ipc_peer_init(IpcPeer *peer, int fd);
void ipc_peer_deinit(IpcPeer *peer);

// Whether gid is the peer's group or one of its supplementary groups.
bool ipc_peer_in_group(const IpcPeer *peer, gid_t gid);
