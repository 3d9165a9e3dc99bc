// SPDX-License-Identifier: LGPL-2.1-or-later
// Failures that say nothing about what was asked for: there is too little of something now, and may be enough later.
#pragma once

#include <errno.h>
#include <stdbool.h>

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
