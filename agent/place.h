// SPDX-License-Identifier: LGPL-2.1-or-later
// Where an agent lives: its directories, the lock that keeps it alone there, and its part of the cgroup tree.
#pragma once

#include "agent/agent.h"

// Opens or makes the state and runtime directories and <cgroup root>/{launcher,jobs}; enables controllers; tests the
// kernel. Errors are logged.
int place_open(Agent *agent);
void place_close(Agent *agent);
