// SPDX-License-Identifier: LGPL-2.1-or-later
// What the processes of a cgroup are doing, from /proc: evidence, so everything is best effort.
#pragma once

#include "agent/launcher/protocol.h"

#include <stddef.h>

// Describes at most max processes of the subtree in ret[] and counts all of them. A process that ends while it is being
// looked at is counted and left out. Returns how many are described, or a negative errno when the cgroup cannot be
// read.
int inspect_members(int cgroup_fd, int proc_fd, InspectedProcess *ret, size_t max, uint32_t *ret_total);

// Fills what /proc/<pid>/stat tells. text is changed. -EBADMSG when it is not such a line.
int inspect_parse_stat(char *text, InspectedProcess *ret);
