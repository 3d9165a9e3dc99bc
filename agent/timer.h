// SPDX-License-Identifier: LGPL-2.1-or-later
// A timer of the event loop that rings once and is set again and again.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

// Lets *timer, which is made when it is NULL, call the handler in usec microseconds of CLOCK_BOOTTIME, at most accuracy
// later (0: what sd-event takes as its default, a quarter of a second). A time set before is forgotten. The caller
// unrefs the source. 0 or negative errno.
int timer_set(sd_event *event, sd_event_source **timer, uint64_t usec, uint64_t accuracy,
              sd_event_time_handler_t handler, void *userdata);

// Whether it is set and has not rung yet. NULL is not.
bool timer_is_set(sd_event_source *timer);
