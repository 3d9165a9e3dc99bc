// SPDX-License-Identifier: LGPL-2.1-or-later
// The one door to libcgroup (2.0.2 and later), and only to what it does reliably: finding controllers and writing
// values. It never creates, attaches or deletes: that reports success for having done nothing or worse (see
// tests/unit/cgroup/test-libcgroup.c). Not for more than one thread.
#pragma once

#include <limits.h>

// Tells where libcgroup has found controller mounted. -ENODEV when it does not know it.
int cgroup_library_find(const char *controller, char ret_mount[static PATH_MAX]);

// Writes value to file of the existing cgroup path, relative to the mount of controller. -ENODEV when libcgroup does
// not know the controller; success is to be proved by reading back.
int cgroup_library_set(const char *path, const char *controller, const char *file, const char *value);
