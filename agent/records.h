// SPDX-License-Identifier: LGPL-2.1-or-later
// The files that reapers leave in the runtime directory: claims and records. One inotify watch tells of both: a file
// that is closed under the name of a record is an end, one that is closed under the name of a claim is a reaper that
// died without a record.
#pragma once

#include "agent/agent.h"

// Opens (and makes) the directory "records" below the runtime directory and begins to listen.
int records_new(Agent *agent, Records **ret);
Records *records_free(Records *records);

// The directory, borrowed.
int records_fd(const Records *records);

// Takes in what has been told up to now, so that a decision is made on the newest facts.
void records_drain(Records *records);

// To be called when something could not be found out for want of descriptors or room: in a moment every running attempt
// is looked at, and again until nothing is missing.
void records_look_again(Records *records);

// Reads the record of an attempt. -ENOENT when there is none (yet); -EBADMSG when the file is not a whole record of
// this attempt.
int records_read(const Records *records, const AttemptKey *key, LaunchRecord *ret);

typedef enum ClaimState {
    CLAIM_TAKEN,  // nobody has started it, and no reaper ever will
    CLAIM_ALIVE,  // its reaper lives
    CLAIM_DEAD,   // its reaper died without a record, and the program may have run
    CLAIM_RECORD, // the record is there
} ClaimState;

// Finds out who owns an attempt, taking it when nobody does.
int records_claim(const Records *records, const AttemptKey *key, ClaimState *ret);

// Has the files of attempts for which keep() is false removed, what earlier agents left, after the cgroups of these
// attempts (agent/garbage.h); and removes what a launcher that was killed was about to make.
int records_sweep(const Records *records, bool (*keep)(const AttemptKey *key, void *userdata), void *userdata);

// The latter alone.
void records_sweep_unnamed(const Records *records);
