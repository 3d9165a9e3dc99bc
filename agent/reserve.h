// SPDX-License-Identifier: LGPL-2.1-or-later
// A little room on the disk of the records, kept for the day when it is full: then new work is refused, but what is
// going on can still be canceled and recorded.
#pragma once

#include <stdbool.h>

// Makes the reserve in the state directory if it is not there. 0, or -ENOSPC and the like.
int reserve_make(int state_fd);

// Gives the room back. True when there was a reserve.
bool reserve_release(int state_fd);
