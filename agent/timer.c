// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/timer.h"

#include <time.h>

int timer_set(sd_event *event, sd_event_source **timer, uint64_t usec, uint64_t accuracy,
              sd_event_time_handler_t handler, void *userdata) {
    if (!*timer)
        return sd_event_add_time_relative(event, timer, CLOCK_BOOTTIME, usec, accuracy, handler, userdata);
    int r = sd_event_source_set_time_relative(*timer, usec);
    return r < 0 ? r : sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
}

bool timer_is_set(sd_event_source *timer) {
    int enabled = SD_EVENT_OFF;

    return timer && sd_event_source_get_enabled(timer, &enabled) >= 0 && enabled != SD_EVENT_OFF;
}
