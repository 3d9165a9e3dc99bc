// SPDX-License-Identifier: LGPL-2.1-or-later
// One start of a task: recorded, launched after the commit, ended when its end is known and its cgroup is empty.
#pragma once

#include "agent/jobs.h"

// Records a new attempt of a queued task as running and puts it among the launches of the turn.
void attempt_start(Task *task);

// Starts the timer of the task's run-time limit, if it has one.
void attempt_arm_run_time(Attempt *attempt);

// Takes up one that an earlier agent launched.
int attempt_adopt(Task *task, AttemptRecord *record, Attempt **ret);

// Launches what is waiting, if a launcher is there: makes cgroups, sets limits, sends. After the commit.
void attempts_launch(Jobs *jobs);

// The launcher is gone: makes sure that what it had not taken up never starts, so that it is queued again.
void attempts_launcher_lost(Jobs *jobs);

// The end is known; the attempt is over once its cgroup is empty: at once, or after what is left in it was killed.
void attempt_end_known(Attempt *attempt, EndKind kind, const LaunchRecord *record);

// Ends the attempt if its end is known and its cgroup is empty: records the verdict, frees the slot, moves the task on.
// True when it has ended: the attempt is gone then.
bool attempt_try_end(Attempt *attempt);

// Makes sure that a launch that nobody has taken up never happens; the end is known then. What cannot be found out now
// is tried again: attempt->prevent.
void attempt_prevent_launch(Attempt *attempt);

// The same for all attempts for which it could not be found out.
void attempts_prevent_again(Jobs *jobs);

// The launch failed on our side.
void attempt_fail(Attempt *attempt, int error, const char *what);

// Forgets without any effect.
Attempt *attempt_free(Attempt *attempt);

// Of a running attempt; NULL.
Attempt *attempt_find(const Jobs *jobs, const AttemptKey *key);
