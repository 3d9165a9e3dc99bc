// SPDX-License-Identifier: LGPL-2.1-or-later
// The user and group database (NSS), with a small cache whose entries live half a minute.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct User {
    uid_t uid;
    gid_t gid;
    bool known;       // the database has an entry
    const char *name; // the number as text when the database does not know the uid
    const char *home; // "/" then
    const char *shell;
    const gid_t *groups; // all groups of the user, gid included
    size_t n_groups;
} User;

// Valid until the next call of a function of this module. A uid without an entry is answered as described above, with
// the gid of nobody: its own number may be that of a group with rights. Negative errno when the database fails.
int user_by_uid(uid_t uid, const User **ret);

// By name, or a decimal uid that the database knows. -ENOENT.
int user_by_name(const char *name, const User **ret);

// -ENOENT.
int group_by_name(const char *name, gid_t *ret);
