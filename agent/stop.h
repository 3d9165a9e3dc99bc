// SPDX-License-Identifier: LGPL-2.1-or-later
// Stopping what runs, wholly and provably: grace, freeze, look, kill, wait until the kernel says empty. One mechanism
// for the cgroup of a job's run and for that of one attempt, whatever the reason: cancel, requeue, run-time limit,
// leftovers, orphans.
//
// A stop begins after the commit of its intent and goes through its phases by timers, never blocking the loop. It is
// done when its cgroup is empty and the end of each attempt in it is known, and it goes on killing until then. Not
// empty at the deadline: the waiters are answered with what is stuck, and the stop goes on, with less haste.
#pragma once

#include "agent/jobs.h"

typedef enum StopPhase {
    STOP_PENDING, // waits for the commit
    STOP_GRACE,
    STOP_FREEZE,
    STOP_INSPECT,
    STOP_KILL, // and wait
    STOP_DONE, // waits for the commit of what was recorded
    _STOP_PHASE_LAST = STOP_DONE
} StopPhase;

// What the waiters learn.
typedef struct Receipt {
    uint64_t intent_time; // CLOCK_BOOTTIME of the durable intent; the others likewise, 0: not reached or not needed
    uint64_t frozen_time, killed_time, empty_time, recorded_time;
    uint64_t processes_killed;
    uint64_t tasks_failed, tasks_canceled;
} Receipt;

typedef struct StopWaiter StopWaiter;
struct StopWaiter {
    // Called once, after the commit that records the end, or with stuck set at the deadline (the stop goes on then).
    // The waiter is unlinked before the call. stop is NULL when the agent gives up waiting because it cannot write its
    // records.
    void (*settled)(StopWaiter *waiter, const Stop *stop, bool stuck);
    TAILQ_ENTRY(StopWaiter) entry;
};

struct Stop {
    Agent *agent;
    Job *job;         // NULL for an orphan
    Attempt *attempt; // NULL for the whole job
    Cgroup *orphan;   // owned, for an orphan: a cgroup that belongs to no job on record
    char *orphan_name;
    Intent intent; // INTENT_NONE: leftovers and orphans
    StopPhase phase;
    bool force;
    bool stuck;
    bool quick;                                         // nothing to look at: kill only
    uint64_t grace;                                     // microseconds
    uint64_t grace_end, step_end, kill_again, deadline; // CLOCK_BOOTTIME
    uint64_t pause;                                     // current pause of the polling
    Receipt receipt;
    uint32_t n_inspections;     // under way
    InspectedProcess *evidence; // of what is stuck
    size_t n_evidence;
    sd_event_source *timer, *events_source;
    int events_fd;
    TAILQ_HEAD(, StopWaiter) waiters;
    TAILQ_ENTRY(Stop) entry;     // in Jobs.stops_to_begin or stops_to_settle
    TAILQ_ENTRY(Stop) all_entry; // in Jobs.stops
};

// Makes a stop of the job (attempt NULL) or of one attempt; it begins with the commit of this turn. The intent is
// already in the records. grace 0: kill at once.
int stop_new(Job *job, Attempt *attempt, Intent intent, uint64_t grace, Stop **ret);
// A stop of a cgroup below jobs/ that nobody owns. Takes the cgroup.
int stop_new_orphan(Agent *agent, Cgroup **cgroup, const char *name, Stop **ret);
Stop *stop_free(Stop *stop);

// Begins what waited for the commit.
void stops_begin(Jobs *jobs);
// Answers the waiters of what is recorded now, and frees the stops.
void stops_settle(Jobs *jobs);

// Ends a grace period now.
void stop_force(Stop *stop);

void stop_add_waiter(Stop *stop, StopWaiter *waiter);
void stop_remove_waiter(Stop *stop, StopWaiter *waiter);

// Something happened that may complete it (a record came, an attempt ended): looks now instead of at the next poll.
void stop_poke(Stop *stop);

// For a stop that has not begun and need not: nothing runs. Its waiters are answered after the commit; the caller lets
// go of it.
void stop_nothing_runs(Stop *stop);

// The attempt that a stop of one attempt was for has ended; the stop is done and no longer the attempt's.
void stop_attempt_ended(Stop *stop);

// An answer of the launcher to an inspection.
void stops_inspected(Jobs *jobs, const InspectReply *reply, const InspectedProcess *processes);

// An array of Process that outlived the deadline, or NULL before it.
int stop_stuck_processes(const Stop *stop, json_t **ret);

// For log lines: "grace", "freeze", ...
const char *stop_phase_name(StopPhase phase);
