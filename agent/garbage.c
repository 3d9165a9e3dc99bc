// SPDX-License-Identifier: LGPL-2.1-or-later
// The end of a job never waits for the removal of its cgroup: the kernel keeps a directory busy for some milliseconds
// after the last exit, now and then for longer. Busy ones are tried again, with growing pauses.
#include "agent/garbage.h"

#include "agent/records.h"
#include "base/log.h"
#include "base/parse.h"
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_FIRST (5 * USEC_PER_MSEC)
#define PAUSE_LAST (60 * USEC_PER_SEC)

typedef enum GarbageKind {
    GARBAGE_CGROUP,
    GARBAGE_RECORD,
    GARBAGE_OUTPUT,
} GarbageKind;

typedef struct GarbageItem {
    GarbageKind kind;
    char name[ATTEMPT_NAME_MAX];
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

static void add(Garbage *garbage, GarbageKind kind, const char *name) {
    if (garbage->n == garbage->allocated) {
        size_t allocated = garbage->allocated ? 2 * garbage->allocated : 64;
        GarbageItem *items = reallocarray(garbage->items, allocated, sizeof *items);
        if (!items) {
            log_warning("out of memory: %s stays until the next start", name);
            return;
        }
        garbage->items = items;
        garbage->allocated = allocated;
    }
    GarbageItem *item = &garbage->items[garbage->n++];
    item->kind = kind;
    snprintf(item->name, sizeof item->name, "%s", name);
}

void garbage_add_cgroup(Garbage *garbage, const char *path) {
    add(garbage, GARBAGE_CGROUP, path);
}

void garbage_add_record(Garbage *garbage, const AttemptKey *key, const char *suffix) {
    char name[ATTEMPT_NAME_MAX];

    add(garbage, GARBAGE_RECORD, attempt_file_name(name, key, suffix));
}

void garbage_add_output(Garbage *garbage, const AttemptKey *key) {
    char name[ATTEMPT_NAME_MAX];

    add(garbage, GARBAGE_OUTPUT, attempt_file_name(name, key, STDOUT_SUFFIX));
    add(garbage, GARBAGE_OUTPUT, attempt_file_name(name, key, STDERR_SUFFIX));
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

// True when the item is done with.
static bool remove_item(Garbage *garbage, const GarbageItem *item) {
    int dir_fd = item->kind == GARBAGE_RECORD ? records_fd(garbage->agent->records) : garbage->agent->output_fd;
    int r;

    if (item->kind == GARBAGE_CGROUP) {
        r = remove_cgroup(garbage->agent->cgroup_jobs_fd, item->name);
        if (r == -EBUSY)
            return false;
    } else {
        r = unlinkat(dir_fd, item->name, 0) < 0 && errno != ENOENT ? -errno : 0;
    }
    if (r < 0)
        log_errno(LOG_WARNING, r, "cannot remove %s", item->name);
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
    int armed = SD_EVENT_OFF, r;

    if (garbage->timer) {
        if (sd_event_source_get_enabled(garbage->timer, &armed) >= 0 && armed != SD_EVENT_OFF)
            return;
        r = sd_event_source_set_time_relative(garbage->timer, garbage->pause);
        if (r >= 0)
            r = sd_event_source_set_enabled(garbage->timer, SD_EVENT_ONESHOT);
    } else {
        r = sd_event_add_time_relative(garbage->agent->event, &garbage->timer, CLOCK_BOOTTIME, garbage->pause, 0,
                                       on_timer, garbage);
    }
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
