// SPDX-License-Identifier: LGPL-2.1-or-later
// A stop is a little machine: each phase has one function that does its effect and says when to look again. Whatever
// wakes it (its timer, the cgroup's events, a record, an inspection) calls step(), which looks at the facts and moves
// on as far as they allow. Between freeze and kill nothing returns early: every way out of a frozen cgroup leads
// through the kill.
#include "agent/stop.h"

#include "agent/attempt.h"
#include "agent/cancel.h"
#include "agent/evidence.h"
#include "agent/garbage.h"
#include "agent/journal.h"
#include "agent/launcher-client.h"
#include "agent/records.h"
#include "agent/timer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FREEZE_WAIT (50 * USEC_PER_MSEC) // not frozen by then is no failure: go on
#define INSPECT_WAIT (200 * USEC_PER_MSEC)
#define STUCK_INSPECT_WAIT (2 * USEC_PER_SEC) // the caller has waited for long, and wants to know for what
#define PAUSE_FIRST 100
#define WATCH_LONGEST 200                // for the freeze, for the kill, and for the records
#define PAUSE_LAST (20 * USEC_PER_MSEC)  // while there is hope
#define PAUSE_STUCK (2 * USEC_PER_SEC)   // behind the deadline, for ever
#define KILL_AGAIN_AFTER USEC_PER_MSEC   // at the earliest
#define KILL_SHARE 10                    // of the time, one part at most is for killing again
#define EVENTS_AFTER (4 * USEC_PER_MSEC) // a wait that lasts longer is told by cgroup.events too

static void step(Stop *stop);

const char *stop_phase_name(StopPhase phase) {
    static const char *const names[_STOP_PHASE_LAST + 1] = {
        [STOP_PENDING] = "pending", [STOP_GRACE] = "grace", [STOP_FREEZE] = "freeze",
        [STOP_INSPECT] = "inspect", [STOP_KILL] = "kill",   [STOP_DONE] = "done",
    };
    return names[phase];
}

static Cgroup *target(const Stop *stop) {
    return stop->orphan ? stop->orphan : stop->attempt ? stop->attempt->cgroup : stop->job->cgroup;
}

static Stop *stop_alloc(Agent *agent) {
    Stop *stop = calloc(1, sizeof *stop);

    if (!stop)
        return NULL;
    stop->agent = agent;
    stop->events_fd = -1;
    TAILQ_INIT(&stop->waiters);
    TAILQ_INSERT_TAIL(&agent->jobs->stops, stop, all_entry);
    TAILQ_INSERT_TAIL(&agent->jobs->stops_to_begin, stop, entry);
    agent_touch(agent);
    return stop;
}

int stop_new(Job *job, Attempt *attempt, Intent intent, uint64_t grace, Stop **ret) {
    Stop *stop = stop_alloc(job->agent);

    if (!stop)
        return -ENOMEM;
    stop->job = job;
    stop->attempt = attempt;
    stop->intent = intent;
    stop->quick = intent == INTENT_NONE;
    stop->grace = grace;
    *ret = stop;
    return 0;
}

int stop_new_orphan(Agent *agent, Cgroup **cgroup, const char *name, Stop **ret) {
    Stop *stop = stop_alloc(agent);

    if (!stop)
        return -ENOMEM;
    stop->quick = true;
    stop->orphan = TAKE_PTR(*cgroup);
    stop->orphan_name = strdup(name);
    *ret = stop;
    return 0;
}

Stop *stop_free(Stop *stop) {
    if (!stop)
        return NULL;
    Jobs *jobs = stop->agent->jobs;

    while (!TAILQ_EMPTY(&stop->waiters)) {
        StopWaiter *waiter = TAILQ_FIRST(&stop->waiters);
        TAILQ_REMOVE(&stop->waiters, waiter, entry);
        waiter->settled(waiter, NULL, false);
    }
    TAILQ_REMOVE(&jobs->stops, stop, all_entry);
    if (stop->phase == STOP_PENDING)
        TAILQ_REMOVE(&jobs->stops_to_begin, stop, entry);
    else if (stop->phase == STOP_DONE)
        TAILQ_REMOVE(&jobs->stops_to_settle, stop, entry);
    sd_event_source_disable_unref(stop->timer);
    sd_event_source_disable_unref(stop->events_source);
    close_fd(stop->events_fd);
    cgroup_free(stop->orphan);
    free(stop->orphan_name);
    free(stop->evidence);
    free(stop);
    return NULL;
}

void stop_add_waiter(Stop *stop, StopWaiter *waiter) {
    TAILQ_INSERT_TAIL(&stop->waiters, waiter, entry);
}

void stop_remove_waiter(Stop *stop, StopWaiter *waiter) {
    TAILQ_REMOVE(&stop->waiters, waiter, entry);
}

// ---- waking up ----

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    (void)source;
    (void)usec;
    step(userdata);
    return 0;
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    Stop *stop = userdata;

    (void)source;
    (void)fd;
    (void)revents;
    stop_poke(stop);
    return 0;
}

static void look_again_in(Stop *stop, uint64_t usec) {
    int r = timer_set(stop->agent->event, &stop->timer, usec, 1, on_timer, stop);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set the timer of a stop");
}

// Each wait starts short and doubles: reading the file is immediate while the notice may be late.
static void look_again_soon(Stop *stop, uint64_t longest) {
    look_again_in(stop, stop->pause);
    stop->pause = 2 * stop->pause < longest ? 2 * stop->pause : longest;
}

static void listen_for_events(Stop *stop) {
    Cgroup *cgroup = target(stop);

    if (stop->events_source || !cgroup)
        return;
    int r = cgroup_open_events(cgroup, &stop->events_fd);
    if (r >= 0)
        // Edge-triggered: cgroup.events stays ready for EPOLLPRI until it is read through this very descriptor.
        r = sd_event_add_io(stop->agent->event, &stop->events_source, stop->events_fd, EPOLLPRI | EPOLLET, on_events,
                            stop);
    if (r < 0)
        log_errno(LOG_DEBUG, r, "cannot listen to cgroup.events; polling");
}

static void enter(Stop *stop, StopPhase phase) {
    stop->phase = phase;
    stop->pause = PAUSE_FIRST;
}

void stop_poke(Stop *stop) {
    if (stop->phase != STOP_PENDING && stop->phase != STOP_DONE)
        // Not from here: the caller may be in the middle of what the step would change.
        look_again_in(stop, 0);
}

// ---- what is stopped ----

static CgroupEvents read_events(Stop *stop) {
    CgroupEvents events = { .gone = true };
    Cgroup *cgroup = target(stop);

    if (cgroup) {
        int r = cgroup_read_events(cgroup, &events);
        if (r < 0) {
            log_errno(LOG_ERR, r, "cannot read cgroup.events");
            events = (CgroupEvents){ .populated = true }; // not known is not empty
        }
    }
    return events;
}

static bool is_frozen(const CgroupEvents *events) {
    return events->frozen || !events->populated;
}

static bool is_empty(const CgroupEvents *events) {
    return !events->populated;
}

// For a few processes the kernel is done sooner than a timer would come back: looks again and again for that long.
static CgroupEvents watch_events(Stop *stop, bool (*is_done)(const CgroupEvents *)) {
    uint64_t end = clock_boottime() + WATCH_LONGEST;
    CgroupEvents events = read_events(stop);

    while (!is_done(&events) && clock_boottime() < end) {
        (void)sched_yield();
        events = read_events(stop);
    }
    return events;
}

// Calls act for each attempt that is stopped; act may end it.
static void for_each_attempt(Stop *stop, void (*act)(Stop *, Attempt *)) {
    if (stop->attempt) {
        act(stop, stop->attempt);
        return;
    }
    if (!stop->job)
        return;
    for (Attempt *attempt = TAILQ_FIRST(&stop->job->attempts), *next; attempt; attempt = next) {
        next = TAILQ_NEXT(attempt, entry);
        act(stop, attempt);
    }
}

static void count_processes(Stop *stop, Attempt *attempt) {
    size_t total = 0;
    char text[64];

    if (attempt->seen)
        total = attempt->n_frozen; // still the same: they are frozen
    else if (!attempt->cgroup || cgroup_processes(attempt->cgroup, NULL, 0, &total) < 0)
        return;
    uint64_t known = attempt->record.processes_killed;
    attempt->record.processes_killed = (known == RECORD_UNKNOWN ? 0 : known) + total;
    stop->receipt.processes_killed += total;
    if (stop->intent == INTENT_NONE && total > 0) {
        snprintf(text, sizeof text, "%zu left behind by its main process", total);
        attempt_note(attempt, "processesKilled", ACTOR_CORRAL, text);
    }
}

// ---- the phases ----

static void begin_freeze(Stop *stop);
static void begin_inspect(Stop *stop);
static void begin_kill(Stop *stop);

static void begin(Stop *stop) {
    uint64_t now = clock_boottime();
    Cgroup *cgroup = target(stop);

    stop->receipt.intent_time = now;
    if (stop->grace > 0 && !stop->force && cgroup && read_events(stop).populated) {
        enter(stop, STOP_GRACE);
        stop->grace_end = now + stop->grace;
        int r = launcher_signal(stop->agent->launcher, cgroup_fd(cgroup), SIGTERM, true);
        if (r < 0)
            log_errno(LOG_WARNING, r,
                      "cannot send SIGTERM through the launcher; the kill comes after the grace period");
        listen_for_events(stop);
        look_again_in(stop, stop->grace);
    } else if (stop->quick || !cgroup) {
        begin_kill(stop);
    } else {
        begin_freeze(stop);
    }
}

static void step_grace(Stop *stop) {
    uint64_t now = clock_boottime();

    if (!read_events(stop).populated)
        begin_kill(stop); // nothing to freeze; what has not been launched yet must still be kept from it
    else if (stop->force || now >= stop->grace_end)
        begin_freeze(stop);
    else
        look_again_in(stop, stop->grace_end - now);
}

static void begin_freeze(Stop *stop) {
    Cgroup *cgroup = target(stop);

    enter(stop, STOP_FREEZE);
    stop->step_end = clock_boottime() + FREEZE_WAIT;
    int r = cgroup_forbid_forks(cgroup);
    if (r < 0)
        log_errno(LOG_WARNING, r, "cannot forbid forks before the kill");
    r = cgroup_freeze(cgroup, true);
    if (r < 0) {
        log_errno(LOG_WARNING, r, "cannot freeze before the kill");
        begin_kill(stop);
        return;
    }
    (void)watch_events(stop, is_frozen);
    step(stop);
}

static void step_freeze(Stop *stop) {
    CgroupEvents events = read_events(stop);
    uint64_t now = clock_boottime();

    if (events.frozen) {
        stop->receipt.frozen_time = now;
        begin_inspect(stop);
    } else if (!events.populated || now >= stop->step_end) {
        begin_kill(stop);
    } else {
        look_again_soon(stop, 2 * USEC_PER_MSEC);
    }
}

static void inspect(Stop *stop, Attempt *attempt) {
    if (!attempt->cgroup)
        return;
    attempt->inspect_cookie = ++stop->agent->jobs->last_cookie;
    if (launcher_inspect(stop->agent->launcher, cgroup_fd(attempt->cgroup), attempt->inspect_cookie) < 0)
        attempt->inspect_cookie = 0; // no launcher: no evidence
    else
        stop->n_inspections++;
}

static void inspect_all(Stop *stop, uint64_t longest) {
    stop->n_inspections = 0;
    stop->step_end = clock_boottime() + longest;
    for_each_attempt(stop, inspect);
}

static void begin_inspect(Stop *stop) {
    enter(stop, STOP_INSPECT);
    inspect_all(stop, INSPECT_WAIT);
    step(stop);
}

static void step_inspect(Stop *stop) {
    uint64_t now = clock_boottime();

    if (stop->n_inspections == 0 || now >= stop->step_end)
        begin_kill(stop);
    else
        look_again_in(stop, stop->step_end - now);
}

// With many processes a kill takes long, and holds up those that are dying: the next one leaves them the time.
static void write_kill(Stop *stop) {
    Cgroup *cgroup = target(stop);
    uint64_t begin = clock_boottime();

    if (!cgroup)
        return;
    int r = cgroup_kill(cgroup);
    if (r == -EOPNOTSUPP)
        r = launcher_signal(stop->agent->launcher, cgroup_fd(cgroup), SIGKILL, false);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot kill the processes of a cgroup; trying again");
    uint64_t end = clock_boottime(), pause = KILL_SHARE * (end - begin);
    stop->kill_again = end + (pause > KILL_AGAIN_AFTER ? pause : KILL_AGAIN_AFTER);
}

// Made into text while the kill takes effect: what is frozen shall not wait for that.
static void keep_evidence(Stop *stop, Attempt *attempt) {
    (void)stop;
    if (!attempt->seen)
        return;
    free(attempt->record.evidence);
    attempt->record.evidence = evidence_to_text(attempt->seen, attempt->n_seen);
    free(attempt->seen);
    attempt->seen = NULL;
}

static void begin_kill(Stop *stop) {
    enter(stop, STOP_KILL);
    for_each_attempt(stop, count_processes);
    write_kill(stop);
    stop->receipt.killed_time = clock_boottime();
    for_each_attempt(stop, keep_evidence);
    (void)watch_events(stop, is_empty);
    stop->deadline = stop->receipt.killed_time + stop->agent->parameters.value[PARAMETER_KILL_DEADLINE];
    step(stop);
}

// Of an attempt whose end is not known although nothing runs: what has not been launched must never be, and a dead
// reaper is noticed.
static void prevent_launch(Stop *stop, Attempt *attempt) {
    (void)stop;
    if (attempt->end_known)
        return;
    if (attempt->launch == LAUNCH_WAITING) {
        TAILQ_REMOVE(&stop->agent->jobs->launches, attempt, launch_entry);
        attempt->launch = LAUNCH_SENT;
        attempt->end_kind = END_NEVER_LAUNCHED;
        attempt->end_known = true;
    } else {
        attempt_prevent_launch(attempt);
    }
}

static void try_end(Stop *stop, Attempt *attempt) {
    (void)stop;
    (void)attempt_try_end(attempt);
}

// The stop is over: what it was for is recorded in this turn, the waiters are answered after its commit.
static void done(Stop *stop) {
    enter(stop, STOP_DONE);
    sd_event_source_disable_unref(TAKE_PTR(stop->timer));
    sd_event_source_disable_unref(TAKE_PTR(stop->events_source));
    TAILQ_INSERT_TAIL(&stop->agent->jobs->stops_to_settle, stop, entry);
    agent_touch(stop->agent);
}

void stop_nothing_runs(Stop *stop) {
    TAILQ_REMOVE(&stop->agent->jobs->stops_to_begin, stop, entry);
    stop->receipt.intent_time = stop->receipt.empty_time = clock_boottime();
    done(stop);
}

void stop_attempt_ended(Stop *stop) {
    if (stop->phase == STOP_PENDING)
        TAILQ_REMOVE(&stop->agent->jobs->stops_to_begin, stop, entry);
    stop->attempt = NULL;
    if (stop->receipt.empty_time == 0)
        stop->receipt.empty_time = clock_boottime();
    done(stop);
}

// Nothing runs any more, and yet its reaper has no exit status: a tracer that does not wait keeps it. Nobody waits for
// that.
static void give_up_status(Stop *stop, Attempt *attempt) {
    (void)stop;
    if (attempt->end_known || attempt->prevent)
        return;
    attempt_note(attempt, "lost", ACTOR_CORRAL, "it is dead, but somebody who traced it keeps its exit status");
    attempt->end_kind = END_LOST;
    attempt->end_known = true;
}

static bool ends_are_known(const Stop *stop) {
    const Attempt *attempt;

    if (stop->attempt)
        return stop->attempt->end_known;
    if (stop->job)
        TAILQ_FOREACH (attempt, &stop->job->attempts, entry)
            if (!attempt->end_known)
                return false;
    return true;
}

// The records come within a moment of the kill: looks for them that long instead of going round the event loop. This
// only tells ends; of what is stopped here, nothing is ended by it.
static void watch_records(Stop *stop) {
    uint64_t end = clock_boottime() + WATCH_LONGEST;

    while (!ends_are_known(stop) && clock_boottime() < end) {
        (void)sched_yield();
        records_drain(stop->agent->records);
    }
}

static void step_empty(Stop *stop) {
    Job *job = stop->job;

    if (stop->receipt.empty_time == 0) {
        stop->receipt.empty_time = clock_boottime();
        watch_records(stop);
        for_each_attempt(stop, prevent_launch);
    } else if (clock_boottime() >= stop->deadline) {
        for_each_attempt(stop, give_up_status);
    }
    if (stop->attempt) {
        // Ends the stop as well, through stop_attempt_ended().
        if (!attempt_try_end(stop->attempt))
            look_again_soon(stop, PAUSE_LAST);
        return;
    }
    if (job) {
        for_each_attempt(stop, try_end);
        if (job->n_attempts > 0) {
            look_again_soon(stop, PAUSE_LAST);
            return;
        }
        job->stop = NULL;
        cancel_job_stopped(job);
    } else {
        garbage_add_cgroup(stop->agent->garbage, stop->orphan_name);
    }
    done(stop);
}

static void note_unkillable(Stop *stop) {
    const char *text = "processes outlived the kill; see the stuck processes of the job";

    if (stop->attempt) {
        attempt_note(stop->attempt, "unkillable", ACTOR_CORRAL, text);
        journal_attempt(stop->attempt, EVENT_UNKILLABLE, CAUSE_NONE, text);
    } else if (stop->job) {
        job_note(stop->job, "unkillable", ACTOR_CORRAL, text);
        journal_job(stop->job, EVENT_UNKILLABLE, text);
    } else {
        journal_agent(EVENT_UNKILLABLE, "cgroup jobs/%s: %s", stop->orphan_name, text);
    }
    agent_touch(stop->agent);
}

static void answer_stuck(Stop *stop) {
    while (!TAILQ_EMPTY(&stop->waiters)) {
        StopWaiter *waiter = TAILQ_FIRST(&stop->waiters);
        TAILQ_REMOVE(&stop->waiters, waiter, entry);
        waiter->settled(waiter, stop, true);
    }
    agent_touch(stop->agent);
}

static void step_kill(Stop *stop) {
    uint64_t now = clock_boottime();

    if (!read_events(stop).populated) {
        step_empty(stop);
        return;
    }
    if (now >= stop->kill_again)
        write_kill(stop);
    if (now - stop->receipt.killed_time >= EVENTS_AFTER)
        listen_for_events(stop);
    if (now >= stop->deadline && !stop->stuck) {
        stop->stuck = true;
        note_unkillable(stop);
        inspect_all(stop, STUCK_INSPECT_WAIT);
    }
    if (stop->stuck && (now >= stop->step_end || stop->n_inspections == 0))
        answer_stuck(stop);
    look_again_soon(stop, stop->stuck && TAILQ_EMPTY(&stop->waiters) ? PAUSE_STUCK : PAUSE_LAST);
}

static void step(Stop *stop) {
    switch (stop->phase) {
    case STOP_GRACE:
        step_grace(stop);
        break;
    case STOP_FREEZE:
        step_freeze(stop);
        break;
    case STOP_INSPECT:
        step_inspect(stop);
        break;
    case STOP_KILL:
        step_kill(stop);
        break;
    case STOP_PENDING:
    case STOP_DONE:
        break;
    }
}

// ---- with the commit ----

void stops_begin(Jobs *jobs) {
    Stop *stop;

    while ((stop = TAILQ_FIRST(&jobs->stops_to_begin)) != NULL) {
        TAILQ_REMOVE(&jobs->stops_to_begin, stop, entry);
        stop->phase = STOP_KILL; // no longer in the list; begin() says what it really is
        begin(stop);
    }
}

void stops_settle(Jobs *jobs) {
    Stop *stop;

    while ((stop = TAILQ_FIRST(&jobs->stops_to_settle)) != NULL) {
        stop->receipt.recorded_time = clock_boottime();
        while (!TAILQ_EMPTY(&stop->waiters)) {
            StopWaiter *waiter = TAILQ_FIRST(&stop->waiters);
            TAILQ_REMOVE(&stop->waiters, waiter, entry);
            waiter->settled(waiter, stop, false);
        }
        stop_free(stop);
    }
}

void stop_force(Stop *stop) {
    stop->force = true;
    stop_poke(stop);
}

// ---- evidence ----

static void keep_stuck(Stop *stop, const InspectedProcess *processes, size_t n) {
    InspectedProcess *all = reallocarray(stop->evidence, stop->n_evidence + n, sizeof *all);

    if (!all)
        return;
    memcpy(all + stop->n_evidence, processes, n * sizeof *all);
    stop->evidence = all;
    stop->n_evidence += n;
}

static void keep_seen(Attempt *attempt, const InspectReply *reply, const InspectedProcess *processes) {
    free(attempt->seen);
    attempt->seen = reply->n > 0 ? calloc(reply->n, sizeof *attempt->seen) : NULL;
    if (!attempt->seen)
        return;
    memcpy(attempt->seen, processes, reply->n * sizeof *attempt->seen);
    attempt->n_seen = reply->n;
    attempt->n_frozen = reply->total;
}

typedef struct Inspection {
    uint64_t cookie;
    Attempt *attempt;
} Inspection;

static void find_inspection(Job *job, void *userdata) {
    Inspection *inspection = userdata;
    Attempt *attempt;

    TAILQ_FOREACH (attempt, &job->attempts, entry)
        if (attempt->inspect_cookie == inspection->cookie)
            inspection->attempt = attempt;
}

void stops_inspected(Jobs *jobs, const InspectReply *reply, const InspectedProcess *processes) {
    Inspection inspection = { .cookie = reply->cookie };

    if (reply->cookie != 0)
        jobs_walk(jobs, find_inspection, &inspection);
    Attempt *attempt = inspection.attempt;
    Stop *stop = attempt ? attempt->stop ? attempt->stop : attempt->task->job->stop : NULL;
    if (!stop)
        return; // an answer that comes too late
    attempt->inspect_cookie = 0;
    if (stop->n_inspections > 0)
        stop->n_inspections--;
    if (stop->stuck) {
        keep_stuck(stop, processes, reply->n);
    } else {
        keep_seen(attempt, reply, processes);
    }
    step(stop);
}

int stop_stuck_processes(const Stop *stop, json_t **ret) {
    return evidence_to_json(stop->evidence, stop->n_evidence, ret);
}
