// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/peer.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GROUPS_GUESS 64

static int read_groups(int fd, gid_t **ret, size_t *ret_n) {
    socklen_t size = GROUPS_GUESS * sizeof(gid_t);

    for (;;) {
        AUTO_FREE gid_t *groups = malloc(size);
        if (!groups)
            return -ENOMEM;
        // When the room is too small, size becomes what is needed.
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
            *ret_n = size / sizeof(gid_t);
            *ret = TAKE_PTR(groups);
            return 0;
        }
        if (errno != ERANGE)
            return -errno;
    }
}

int ipc_peer_init(IpcPeer *peer, int fd) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    gid_t *groups = NULL;
    size_t n_groups = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    int r = read_groups(fd, &groups, &n_groups);
    if (r < 0)
        return r;
    *peer = (IpcPeer){
        .uid = credentials.uid,
        .gid = credentials.gid,
        .pid = credentials.pid,
        .n_groups = n_groups,
        .groups = groups,
    };
    return 0;
}

void ipc_peer_deinit(IpcPeer *peer) {
    free(peer->groups);
    *peer = (IpcPeer){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
}

bool ipc_peer_in_group(const IpcPeer *peer, gid_t gid) {
    if (peer->gid == gid)
        return true;
    for (size_t i = 0; i < peer->n_groups; i++)
        if (peer->groups[i] == gid)
            return true;
    return false;
}
