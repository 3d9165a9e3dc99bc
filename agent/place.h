// SPDX-License-Identifier: LGPL-2.1-or-later
// Where an agent lives: its directories, and the lock that keeps it alone there.
#pragma once

#include "agent/agent.h"

// Opens or makes the state and runtime directories. Errors are logged.
int place_open(Agent *agent);
void place_close(Agent *agent);
