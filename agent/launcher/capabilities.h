// SPDX-License-Identifier: LGPL-2.1-or-later
// The rights of root that the launcher needs, and no others.
#pragma once

#include <stdbool.h>

// Gives up every capability of this process but those that launches, signals and evidence need. The bounding set stays:
// tasks inherit it, and a user's set-user-ID program is to work in a task as it does in a shell. Negative errno.
int capabilities_keep_needed(void);

// Whether CAP_SYS_RESOURCE has effect. Of those that are kept it alone has none at first: it would let the files of the
// agent exceed quotas and take the last blocks of a disk. Async-signal-safe. Negative errno, -EPERM without it.
int capabilities_use_sys_resource(bool use);
