// SPDX-License-Identifier: LGPL-2.1-or-later
// The text of the kernel's attribute files.
#pragma once

#include <stdint.h>

// Finds key in "flat keyed" text, one "key number" a line. -ENOENT when it is not there, -EBADMSG when no number
// follows it.
int attribute_find(const char *text, const char *key, uint64_t *ret);
