// SPDX-License-Identifier: LGPL-2.1-or-later
// Jobs that are over stay on record until the parameter TTLCompletedJobs has passed since their end, and go then, with
// their history and kept output. Their ids are never used again.
#pragma once

#include "agent/agent.h"

// Removes what has expired, a bounded number at a time, and sets the timer for the next. After start, after a change of
// the parameter, and when the timer ends.
void retention_run(Agent *agent);

// A job has ended: its turn to go will come.
void retention_job_ended(Agent *agent);
