// SPDX-License-Identifier: LGPL-2.1-or-later
// The rights of root that the launcher needs, and no others.
#pragma once

// Gives up every capability of this process but those that launches, signals and evidence need. The bounding set stays:
// tasks inherit it, and a user's set-user-ID program is to work in a task as it does in a shell. Negative errno.
int capabilities_keep_needed(void);
