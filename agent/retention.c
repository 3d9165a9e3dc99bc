// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/retention.h"

#include "agent/garbage.h"
#include "agent/timer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

#include <errno.h>

#define PER_TURN 100
#define PAUSE_LONGEST (24 * 3600 * USEC_PER_SEC) // a clock may be set

static int discard_output(AttemptRecord *attempt, void *userdata) {
    Agent *agent = userdata;

    garbage_add_output(agent->garbage, &attempt->key);
    return 0;
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata) {
    (void)source;
    (void)usec;
    retention_run(userdata);
    return 0;
}

static void come_back(Agent *agent, uint64_t pause) {
    if (pause > PAUSE_LONGEST)
        pause = PAUSE_LONGEST;
    int r = timer_set(agent->event, &agent->expiry_source, pause, 0, on_expiry, agent);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set a timer: records stay longer than they should");
}

void retention_run(Agent *agent) {
    uint64_t ttl = agent->parameters.value[PARAMETER_TTL_COMPLETED_JOBS], id, end;

    if (agent->store_failed)
        return;
    for (int i = 0; i < PER_TURN; i++) {
        int r = store_oldest_ended_job(agent->store, &id, &end);
        if (r == -ENOENT)
            return;
        if (r < 0) {
            agent_store_result(agent, r);
            return;
        }
        uint64_t now = clock_realtime();
        if (end + ttl > now) {
            come_back(agent, end + ttl - now);
            return;
        }
        (void)store_walk_attempts(agent->store, id, 0, discard_output, agent);
        agent_store_result(agent, store_remove_job(agent->store, id));
        agent_touch(agent);
    }
    come_back(agent, 0);
}

void retention_job_ended(Agent *agent) {
    int enabled = SD_EVENT_OFF;

    // The job that goes first is not the one that ended last: a timer that runs is early enough.
    if (agent->expiry_source)
        (void)sd_event_source_get_enabled(agent->expiry_source, &enabled);
    if (enabled == SD_EVENT_OFF)
        retention_run(agent);
}
