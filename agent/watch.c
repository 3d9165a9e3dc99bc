// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/watch.h"

#include "agent/access.h"
#include "agent/jobs.h"
#include "agent/render.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#define PAGE 256 // entries read at a time
#define STATUSES_LIVE (1u << STATUS_NOT_SUBMITTED | 1u << STATUS_QUEUED | 1u << STATUS_RUNNING | 1u << STATUS_CANCELING)

typedef struct Watcher {
    Watchers *watchers;
    IpcCall *call;
    bool presenting;    // still telling the present state
    uint64_t presented; // up to this job
    uint64_t cursor;    // the newest entry that was looked at; while presenting: where the entries will begin
    uint64_t *jobs;     // ascending; NULL: all
    size_t n_jobs;
    TAILQ_ENTRY(Watcher) entry;
} Watcher;

struct Watchers {
    Agent *agent;
    uint64_t newest; // durable entry
    TAILQ_HEAD(, Watcher) all;
};

int watchers_new(Agent *agent, Watchers **ret) {
    Watchers *watchers = calloc(1, sizeof *watchers);

    if (!watchers)
        return -ENOMEM;
    watchers->agent = agent;
    TAILQ_INIT(&watchers->all);
    *ret = watchers;
    return 0;
}

static void watcher_free(Watcher *watcher) {
    TAILQ_REMOVE(&watcher->watchers->all, watcher, entry);
    free(watcher->jobs);
    free(watcher);
}

Watchers *watchers_free(Watchers *watchers) {
    if (!watchers)
        return NULL;
    while (!TAILQ_EMPTY(&watchers->all))
        watcher_free(TAILQ_FIRST(&watchers->all));
    free(watchers);
    return NULL;
}

static int compare_ids(const void *a, const void *b) {
    const uint64_t *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

static bool is_watched(const Watcher *watcher, uint64_t id) {
    return !watcher->jobs || bsearch(&id, watcher->jobs, watcher->n_jobs, sizeof id, compare_ids);
}

// Whether the watcher is to see what happens to a job.
static bool may_see(const Watcher *watcher, uint64_t id) {
    Agent *agent = watcher->watchers->agent;
    const IpcPeer *peer = ipc_call_peer(watcher->call);
    const Job *job;
    JobRecord record;

    if (!is_watched(watcher, id))
        return false;
    if (access_is_administrator(agent, peer))
        return true;
    if ((job = jobs_find(agent->jobs, id)) != NULL)
        return access_to_job(agent, peer, &job->record);
    if (store_get_job(agent->store, id, &record) < 0)
        return false;
    bool allowed = access_to_job(agent, peer, &record);
    job_record_deinit(&record);
    return allowed;
}

static int tell(const HistoryRecord *entry, void *userdata) {
    Watcher *watcher = userdata;
    json_t *rendered;

    if (entry->sequence > watcher->watchers->newest || ipc_call_congested(watcher->call))
        return 1;
    watcher->cursor = entry->sequence;
    if (!may_see(watcher, entry->job))
        return 0;
    int r = render_history(entry, &rendered);
    if (r < 0)
        return r;
    return ipc_call_reply_more(watcher->call,
                               json_pack("{s:o, s:I}", "entry", rendered, "cursor", (json_int_t)entry->sequence));
}

// ---- the present state ----

static int present_task(TaskRecord *task, void *userdata) {
    Watcher *watcher = userdata;
    json_t *rendered;

    int r = render_task(watcher->watchers->agent, task, &rendered);
    return r < 0 ? r : ipc_call_reply_more(watcher->call, json_pack("{s:o}", "task", rendered));
}

static int present_job(JobRecord *job, void *userdata) {
    Watcher *watcher = userdata;
    Agent *agent = watcher->watchers->agent;
    json_t *rendered;

    if (ipc_call_congested(watcher->call))
        return 1;
    watcher->presented = job->id;
    if (!is_watched(watcher, job->id) || !access_to_job(agent, ipc_call_peer(watcher->call), job))
        return 0;
    int r = render_job(agent, job, true, &rendered);
    if (r >= 0)
        r = ipc_call_reply_more(watcher->call, json_pack("{s:o}", "job", rendered));
    if (r >= 0)
        r = store_walk_tasks(agent->store, &(StoreFilter){ .job = job->id, .owner_uid = -1 }, present_task, watcher);
    return r;
}

static int present_chosen(Watcher *watcher) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < watcher->n_jobs; i++)
        if (watcher->jobs[i] > watcher->presented)
            r = store_walk_jobs(watcher->watchers->agent->store,
                                &(StoreFilter){ .job = watcher->jobs[i], .owner_uid = -1 }, present_job, watcher);
    return r;
}

static int present_live(Watcher *watcher) {
    return store_walk_jobs(
        watcher->watchers->agent->store,
        &(StoreFilter){ .after_job = watcher->presented, .statuses = STATUSES_LIVE, .owner_uid = -1 }, present_job,
        watcher);
}

// As far as the client keeps up: 0 when all is told, 1 when not yet.
static int present(Watcher *watcher) {
    int r = watcher->jobs ? present_chosen(watcher) : present_live(watcher);
    if (r != 0)
        return r;
    watcher->presenting = false;
    return ipc_call_reply_more(watcher->call, json_pack("{s:I}", "cursor", (json_int_t)watcher->cursor));
}

// ---- what happens ----

static void read_on(Watcher *watcher) {
    Agent *agent = watcher->watchers->agent;
    uint64_t before;
    int r = 0;

    if (watcher->presenting)
        r = present(watcher);
    while (r == 0) {
        before = watcher->cursor;
        r = store_walk_history(agent->store, 0, before, PAGE, tell, watcher);
        if (watcher->cursor < before + PAGE)
            break;
    }
    if (r < 0)
        log_errno(LOG_WARNING, r, "cannot tell a watcher what has happened");
}

static void on_drained(IpcCall *call, void *userdata) {
    Watcher *watcher = userdata;

    (void)call;
    read_on(watcher);
    agent_touch(watcher->watchers->agent);
}

static void on_gone(IpcCall *call, void *userdata) {
    (void)call;
    watcher_free(userdata);
}

int watchers_add(Watchers *watchers, IpcCall *call, const uint64_t *jobs, size_t n_jobs, bool present_first,
                 uint64_t after) {
    Watcher *watcher = calloc(1, sizeof *watcher);

    if (!watcher)
        return -ENOMEM;
    watcher->watchers = watchers;
    watcher->call = call;
    watcher->cursor = after;
    watcher->presenting = present_first;
    if (jobs) {
        watcher->jobs = calloc(n_jobs + 1, sizeof *watcher->jobs);
        if (!watcher->jobs) {
            free(watcher);
            return -ENOMEM;
        }
        memcpy(watcher->jobs, jobs, n_jobs * sizeof *jobs);
        watcher->n_jobs = n_jobs;
        qsort(watcher->jobs, n_jobs, sizeof *watcher->jobs, compare_ids);
    }
    TAILQ_INSERT_TAIL(&watchers->all, watcher, entry);
    ipc_call_on_gone(call, on_gone, watcher);
    ipc_call_on_drained(call, on_drained, watcher);
    if (!present_first)
        return ipc_call_reply_more(call, json_pack("{s:I}", "cursor", (json_int_t)after));
    read_on(watcher);
    return 0;
}

void watchers_notify(Watchers *watchers, uint64_t newest) {
    Watcher *watcher;

    watchers->newest = newest;
    TAILQ_FOREACH (watcher, &watchers->all, entry)
        if (!watcher->presenting && watcher->cursor < newest && !ipc_call_congested(watcher->call))
            read_on(watcher);
}
