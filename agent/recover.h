// SPDX-License-Identifier: LGPL-2.1-or-later
// After a start, or after the records could not be written: the store, the reapers' files and the cgroup tree are
// compared, and each running attempt gets its verdict: adopted, recovered (its record was there), neverLaunched, lost,
// hostRestarted; what runs and belongs to nobody is killed (orphanKilled); half-done cancels go on (cancelResumed).
// Each verdict is a line of history.
#pragma once

#include "agent/agent.h"

// Fills agent->jobs, which is new and empty. The effects come with the commit of the turn.
int recover(Agent *agent);
