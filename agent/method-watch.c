// SPDX-License-Identifier: LGPL-2.1-or-later
// Watch: the present state first, unless there is a cursor, then every transition.
#include "agent/access.h"
#include "agent/jobs.h"
#include "agent/methods.h"
#include "agent/watch.h"
#include "base/cleanup.h"

#include <errno.h>

#define JOBS_MAX 10000
// Takes the ids and checks that the caller may watch them. 0; 1 when the call has been answered with an error.
static int read_jobs(Agent *agent, IpcCall *call, const json_t *jobs, uint64_t **ret, size_t *ret_n) {
    AUTO_FREE uint64_t *ids = NULL;
    JobRecord record;

    if (json_array_size(jobs) > JOBS_MAX) {
        ipc_call_error(call, "io.corral.Jobs.TooMany",
                       json_pack("{s:s, s:i, s:I}", "parameter", "jobs", "limit", JOBS_MAX, "count",
                                 (json_int_t)json_array_size(jobs)));
        return 1;
    }
    ids = calloc(json_array_size(jobs) + 1, sizeof *ids);
    if (!ids)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        json_int_t id = json_integer_value(json_array_get(jobs, i));
        int r = id <= 0 ? -ENOENT : store_get_job(agent->store, (uint64_t)id, &record);
        if (r < 0 && r != -ENOENT)
            return r;
        bool allowed = r >= 0 && access_to_job(agent, ipc_call_peer(call), &record);
        if (r >= 0)
            job_record_deinit(&record);
        if (!allowed) {
            ipc_call_error(call, r < 0 ? "io.corral.Jobs.NoSuchJob" : "io.corral.Jobs.PermissionDenied",
                           r < 0 ? json_pack("{s:I}", "job", id) : NULL);
            return 1;
        }
        ids[i] = (uint64_t)id;
    }
    *ret_n = json_array_size(jobs);
    *ret = TAKE_PTR(ids);
    return 0;
}

int method_watch(IpcCall *call, const json_t *parameters, void *userdata) {
    Agent *agent = userdata;
    const json_t *jobs = json_object_get(parameters, "jobs"), *from = json_object_get(parameters, "cursor");
    AUTO_FREE uint64_t *ids = NULL;
    uint64_t newest, complete_after, cursor;
    size_t n = 0;

    int r = json_is_array(jobs) ? read_jobs(agent, call, jobs, &ids, &n) : 0;
    if (r != 0)
        return r < 0 ? r : 0;
    r = store_history_bounds(agent->store, &newest, &complete_after);
    if (r < 0)
        return r;
    // Without a cursor: all changes up to now, also those of this turn, are in the present state and not behind the
    // cursor.
    cursor = newest;
    if (json_is_integer(from)) {
        json_int_t value = json_integer_value(from);
        if (value < 0 || (uint64_t)value > newest)
            return ipc_call_invalid_parameter(call, "cursor");
        cursor = (uint64_t)value;
        if (cursor < complete_after)
            return ipc_call_error(call, "io.corral.Jobs.CursorExpired",
                                  json_pack("{s:I}", "oldest", (json_int_t)complete_after));
    }
    agent_touch(agent);
    return watchers_add(agent->watchers, call, ids, n, !json_is_integer(from), cursor);
}
