// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/access.h"

#include "agent/users.h"

#include <stdio.h>
#include <unistd.h>

bool access_is_administrator(const Agent *agent, const IpcPeer *peer) {
    gid_t group;

    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    return agent->settings.admin_group[0] && group_by_name(agent->settings.admin_group, &group) >= 0 &&
           ipc_peer_in_group(peer, group);
}

bool access_to_job(const Agent *agent, const IpcPeer *peer, const JobRecord *job) {
    return peer->uid == job->owner_uid || access_is_administrator(agent, peer);
}

const char *access_peer_name(const IpcPeer *peer) {
    static char number[16];
    const User *user;

    if (user_by_uid(peer->uid, &user) >= 0)
        return user->name;
    (void)snprintf(number, sizeof number, "%u", (unsigned)peer->uid);
    return number;
}
