// SPDX-License-Identifier: LGPL-2.1-or-later
// The claim: the file that says who owns an attempt, how far it has come, and, by its lock, whether its owner lives.
// See protocol.h for its name and docs/decisions/0002-reaper-and-claims.md for why.
#pragma once

#include "agent/launcher/protocol.h"

// What a claim says of itself.
typedef enum ClaimMark {
    CLAIM_MARK_NONE,    // made by the launcher; no program has been executed
    CLAIM_MARK_STARTED, // the program may have been executed
    CLAIM_MARK_TAKEN,   // made by the agent: nothing has been or will be started
} ClaimMark;

// Makes the claim of key in the records directory, locked as long as ret_fd or a copy of it is open. -EEXIST when
// somebody owns the attempt, or it has ended and its record is there. -EAGAIN when claim_remove_unnamed() came in
// between.
int claim_create(int records_fd, const AttemptKey *key, int *ret_fd);

// The same for who only wants that no reaper ever starts the attempt: marked so, and not locked.
int claim_take(int records_fd, const AttemptKey *key);

// To be called before the program is executed. Needs no room on the disk.
int claim_mark_started(int claim_fd);

// Negative errno when it cannot be read.
int claim_read_mark(int claim_fd);

// Removes a file of the records directory that is a claim without a name yet, unless its maker lives.
void claim_remove_unnamed(int records_fd, const char *name);
