// SPDX-License-Identifier: LGPL-2.1-or-later
// The end of a job never waits for the removal of its cgroup: the kernel keeps a directory busy for some milliseconds
// after the last exit, now and then for longer. What cannot be removed is tried again, with growing pauses.
#include "agent/garbage.h"

#include "agent/records.h"
#include "agent/timer.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/shortage.h"
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_FIRST (5 * USEC_PER_MSEC)
#define PAUSE_LAST (60 * USEC_PER_SEC)

// Each name may be empty.
typedef struct GarbageItem {
    char cgroup[ATTEMPT_NAME_MAX]; // goes first
    char record[ATTEMPT_NAME_MAX];
    char output[ATTEMPT_NAME_MAX];
} GarbageItem;

struct Garbage {
    Agent *agent;
    GarbageItem *items;
    size_t n, allocated;
    size_t n_committed; // those that may be removed
    uint64_t pause;
    sd_event_source *timer;
};

int garbage_new(Agent *agent, Garbage **ret) {
    Garbage *garbage = calloc(1, sizeof *garbage);

    if (!garbage)
        return -ENOMEM;
    garbage->agent = agent;
    garbage->pause = PAUSE_FIRST;
    *ret = garbage;
    return 0;
}

Garbage *garbage_free(Garbage *garbage) {
    if (!garbage)
        return NULL;
    sd_event_source_disable_unref(garbage->timer);
    free(garbage->items);
    free(garbage);
    return NULL;
}

// NULL when out of memory: the next start finds what stays.
static GarbageItem *add(Garbage *garbage) {
    if (garbage->n == garbage->allocated) {
        size_t allocated = garbage->allocated ? 2 * garbage->allocated : 64;
        GarbageItem *items = reallocarray(garbage->items, allocated, sizeof *items);
        if (!items) {
            log_warning("out of memory: something stays until the next start");
            return NULL;
        }
        garbage->items = items;
        garbage->allocated = allocated;
    }
    GarbageItem *item = &garbage->items[garbage->n++];
    *item = (GarbageItem){ 0 };
    return item;
}

void garbage_add_cgroup(Garbage *garbage, const char *path) {
    GarbageItem *item = add(garbage);

    if (item)
        snprintf(item->cgroup, sizeof item->cgroup, "%s", path);
}

void garbage_add_attempt(Garbage *garbage, const AttemptKey *key, const char *suffix) {
    GarbageItem *item = add(garbage);

    if (!item)
        return;
    snprintf(item->cgroup, sizeof item->cgroup, "%" PRIu64 ".%u/%u.%u", key->job, key->run, key->task, key->attempt);
    if (suffix)
        (void)attempt_file_name(item->record, key, suffix);
}

static void add_output(Garbage *garbage, const AttemptKey *key, const char *suffix) {
    GarbageItem *item = add(garbage);

    if (item)
        (void)attempt_file_name(item->output, key, suffix);
}

void garbage_add_output(Garbage *garbage, const AttemptKey *key) {
    add_output(garbage, key, STDOUT_SUFFIX);
    add_output(garbage, key, STDERR_SUFFIX);
}

// The path may name a cgroup inside another one: one step down, by our own names alone.
static int remove_cgroup(int jobs_fd, const char *path) {
    const char *slash = strchr(path, '/');

    if (!slash)
        return cgroup_remove(jobs_fd, path);

    char parent[ATTEMPT_NAME_MAX];
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    AUTO_CLOSE int parent_fd = openat(jobs_fd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (parent_fd < 0)
        return errno == ENOENT || errno == ENODEV ? 0 : -errno;
    return cgroup_remove(parent_fd, slash + 1);
}

static void remove_file(int dir_fd, const char *name) {
    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        log_errno(LOG_WARNING, -errno, "cannot remove %s", name);
}

// True when the item is done with.
static bool remove_item(Garbage *garbage, const GarbageItem *item) {
    Agent *agent = garbage->agent;

    if (item->cgroup[0] && agent->cgroup_jobs_fd >= 0) { // else it went with the tree
        int r = remove_cgroup(agent->cgroup_jobs_fd, item->cgroup);
        if (r < 0 && r != -EBUSY && !is_shortage(r))
            log_errno(LOG_WARNING, r, "cannot remove the cgroup %s", item->cgroup);
        // As long as it is there a launch that comes late would find it: the claim that forbids that has to stay.
        if (r < 0)
            return false;
    }
    if (item->record[0])
        remove_file(records_fd(agent->records), item->record);
    if (item->output[0])
        remove_file(agent->output_fd, item->output);
    return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    Garbage *garbage = userdata;

    (void)source;
    (void)usec;
    if (garbage->pause < PAUSE_LAST)
        garbage->pause *= 2;
    garbage_collect(garbage);
    return 0;
}

static void come_back(Garbage *garbage) {
    if (timer_is_set(garbage->timer))
        return;
    int r = timer_set(garbage->agent->event, &garbage->timer, garbage->pause, 0, on_timer, garbage);
    if (r < 0)
        log_errno(LOG_WARNING, r, "cannot set a timer; cgroups stay until later");
}

void garbage_commit(Garbage *garbage) {
    garbage->n_committed = garbage->n;
}

void garbage_collect(Garbage *garbage) {
    size_t kept = 0;

    for (size_t i = 0; i < garbage->n; i++)
        if (i >= garbage->n_committed || !remove_item(garbage, &garbage->items[i]))
            garbage->items[kept++] = garbage->items[i];
    garbage->n_committed -= garbage->n - kept;
    garbage->n = kept;

    if (garbage->n_committed == 0) {
        garbage->pause = PAUSE_FIRST;
        return;
    }
    come_back(garbage);
}

void garbage_forget(Garbage *garbage) {
    garbage->n = garbage->n_committed;
}
