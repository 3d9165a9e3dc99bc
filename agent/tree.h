// SPDX-License-Identifier: LGPL-2.1-or-later
// The agent's part of the cgroup tree: <root>/launcher and <root>/jobs. An agent of its own makes it; under a service
// manager it is the cgroup of the jobs' unit, which may be stopped and started again while the agent lives: then
// nothing starts until it is there.
#pragma once

#include "agent/agent.h"

// Finds out where the tree is, and opens it if it is there; else looks for it once a second. Errors are logged: the
// agent cannot go on with one.
int tree_find(Agent *agent);
void tree_close(Agent *agent);

// Whether jobs can be started in it.
bool tree_is_open(const Agent *agent);

// Looks whether the tree has gone, or takes no more jobs because its unit is being stopped. True then, and nothing
// starts until it is back. Asked before something is started, and again when a cgroup could not be made.
bool tree_is_lost(Agent *agent);

// Tests the kernel in it, if that has not been done: with a process of our own, or, where we may not put one there,
// with one of the launcher.
void tree_test(Agent *agent);
