// SPDX-License-Identifier: LGPL-2.1-or-later
// Which groups a user has, from the user database and not from the agent. The database is asked by a program of its
// own, corral-groups, because the launcher is linked statically and because an answer may take long: the reaper waits
// for it, and tells the launcher, which remembers it for a while.
#pragma once

#include "agent/launcher/request.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITIES_MAX 32u
// What goes through a pipe in one piece; a user with more groups is looked up for each launch.
#define IDENTITY_GROUPS_MAX 1000u

typedef struct Identity {
    uint32_t uid;
    uint32_t n_groups;
    uint32_t groups[IDENTITY_GROUPS_MAX]; // all of them, the primary one included, ascending
} Identity;

typedef struct Identities {
    const char *program;   // corral-groups; NULL: groups are not checked
    int read_fd, write_fd; // from the reapers
    struct {
        Identity identity;
        uint64_t expires; // CLOCK_BOOTTIME; 0: not in use
    } entries[IDENTITIES_MAX];
} Identities;

#define IDENTITIES_NULL ((Identities){ .read_fd = -1, .write_fd = -1 })

// Makes the pipe. program is borrowed. Negative errno.
int identities_init(Identities *identities, const char *program);
void identities_deinit(Identities *identities);

// Takes in what the reapers have found out.
void identities_receive(Identities *identities);

typedef enum IdentityVerdict {
    IDENTITY_CONFIRMED, // all groups of the launch are the user's
    IDENTITY_REFUSED,   // one is not
    IDENTITY_UNKNOWN,   // it has to be looked up
} IdentityVerdict;

// What is remembered of the user says.
IdentityVerdict identities_check(const Identities *identities, const Launch *launch);

// For the reaper: asks the database, waits for the answer, and tells the launcher. -EPERM when a group of the launch is
// not the user's, another negative errno when the database cannot tell.
int identity_look_up(const Identities *identities, const Launch *launch);
