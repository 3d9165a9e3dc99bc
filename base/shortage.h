// SPDX-License-Identifier: LGPL-2.1-or-later
// Failures that say nothing about what was asked for: there is too little of something now, and may be enough later.
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

// error: a negative errno.
static inline bool is_shortage(int error) {
    switch (-error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EDQUOT:
        return true;
    default:
        return false;
    }
}

#define SHORTAGE_DESCRIPTORS_MAX 16

// Whether n descriptors, at most SHORTAGE_DESCRIPTORS_MAX, can be had now: for calls that would not tell that there
// were none. 0, -EMFILE, -ENFILE or another negative errno.
int shortage_check_descriptors(size_t n);
