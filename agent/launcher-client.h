// SPDX-License-Identifier: LGPL-2.1-or-later
// The agent's end of the launcher: connects to it or starts one, again and again, and sends what
// agent/launcher/protocol.h says.
#pragma once

#include "agent/agent.h"
#include "agent/launcher/protocol.h"

// Begins; launches become possible when the launcher has answered the greeting.
int launcher_new(Agent *agent, Launcher **ret);
Launcher *launcher_free(Launcher *launcher); // one that we started ends by itself when its socket closes

// Whether it takes a message now, and whether one is connected at all.
bool launcher_connected(const Launcher *launcher);
bool launcher_is_there(const Launcher *launcher);

// Whether it would start tasks of a user; true when that is not known.
bool launcher_allows(const Launcher *launcher, uid_t uid);

// Lets it put a process into a cgroup that sleeps for a moment, and waits for that, a second at most. Negative errno.
int launcher_probe(Launcher *launcher, int cgroup_fd);

// Sends a LAUNCH packet built by launch_packet_build(). -ENOTCONN; -EAGAIN: the socket is full, launches go on when it
// is not.
int launcher_launch(Launcher *launcher, const void *packet, size_t size, int cgroup_fd);

// Sends a signal to every process of a cgroup; SIGCONT behind it when continue_after.
int launcher_signal(Launcher *launcher, int cgroup_fd, int signal, bool continue_after);

// Asks what the processes of a cgroup are doing; answered by stops_inspected() with the cookie.
int launcher_inspect(Launcher *launcher, int cgroup_fd, uint64_t cookie);
