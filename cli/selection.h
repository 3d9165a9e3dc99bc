// SPDX-License-Identifier: LGPL-2.1-or-later
// Jobs chosen by the options --all, --state and --user: by default the caller's own that are not over; --all lifts both
// limits, --user and --state replace one each.
#pragma once

#include "cli/arguments.h"
#include "ipc/json.h"

// Whether one of the options was given.
bool selection_given(const Arguments *arguments);

// Fills in the parameters of ListJobs that choose. live: never those that are over, whatever --all says. -EINVAL, told.
int selection_filter(const Arguments *arguments, bool live, json_t *filter);

// Calls each for every job chosen, with the reply of ListJobs; page by page, so that a million of them cost neither the
// agent nor us much memory. Negative errno, told, or what each returned.
int selection_walk(const Arguments *arguments, json_t *filter, int (*each)(const json_t *reply, void *userdata),
                   void *userdata);
