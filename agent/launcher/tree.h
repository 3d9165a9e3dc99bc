// SPDX-License-Identifier: LGPL-2.1-or-later
// The part of the cgroup tree that is the agent's: <root>/jobs for the jobs, <root>/launcher for the reapers. What lies
// outside is nobody's business here.
#pragma once

// Whether the cgroup behind fd lies below <root>/jobs. Follows the kernel's own parents, never a path, and never over a
// mount: what somebody has mounted anywhere, in whatever namespace, does not fool it. 0, -EXDEV when it lies elsewhere,
// another negative errno when there is no such tree now.
int tree_check(const char *root, int fd);

// Opens <root>/launcher, where new reapers are born. Negative errno.
int tree_open_launcher(const char *root);
