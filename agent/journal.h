// SPDX-License-Identifier: LGPL-2.1-or-later
// What an administrator may search for: one line each, with a message id that the journal's catalog explains
// (packaging/systemd/corral.catalog) and fields that can be matched: JOB_ID=, TASK_ID=, CORRAL_RUN=, CORRAL_ATTEMPT=,
// CORRAL_CAUSE=, CORRAL_USER=, CORRAL_ACTOR=. Where standard error is no journal, an ordinary line.
#pragma once

#include "agent/jobs.h"

typedef enum Event {
    EVENT_JOB_FAILED,
    EVENT_JOB_CANCELED,
    EVENT_LAUNCH_FAILED,
    EVENT_OUT_OF_MEMORY,
    EVENT_LOST,
    EVENT_HOST_RESTARTED,
    EVENT_SYSTEM_ERROR,
    EVENT_UNKILLABLE,
    EVENT_ORPHAN_KILLED,
    EVENT_STORE_FAILED,
    EVENT_STORE_BACK,
    EVENT_LAUNCHER_LOST,
    EVENT_TREE_CLOSED,
    EVENT_TREE_OPEN,
    _EVENT_LAST = EVENT_TREE_OPEN
} Event;

// 32 hexadecimal digits.
const char *event_message_id(Event event);

int journal_new(Agent *agent, Journal **ret);
Journal *journal_free(Journal *journal);

// Of a job or one of its attempts: written with the commit of the turn.
void journal_job(const Job *job, Event event, const char *text);
void journal_attempt(const Attempt *attempt, Event event, Cause cause, const char *text);

// Of a cgroup that belongs to no live job: likewise.
void journal_orphan(const Agent *agent, const char *path);

// Of the agent itself: written at once.
void journal_agent(Event event, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The turn was committed, or taken back.
void journal_commit(Journal *journal);
void journal_forget(Journal *journal);
