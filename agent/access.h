// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may do what: a job's owner and administrators (root, the user of the agent, members of the configured group).
#pragma once

#include "agent/agent.h"
#include "agent/record.h"
#include "ipc/peer.h"

#include <stdbool.h>

bool access_is_administrator(const Agent *agent, const IpcPeer *peer);

// Whether peer may see details of the job and cancel, requeue or add to it.
bool access_to_job(const Agent *agent, const IpcPeer *peer, const JobRecord *job);

// A user's name for records: from the user database, else the number. Valid as user_by_uid() says.
const char *access_peer_name(const IpcPeer *peer);
