// SPDX-License-Identifier: LGPL-2.1-or-later
// What a cgroup has used, read once when a job ends.
#include <errno.h>

#include "base/file.h"
#include "base/parse.h"
#include "cgroup/attribute.h"
#include "cgroup/cgroup.h"

#define STAT_MAX 4096

// Reads a file; one that is not there, or no longer, reads as empty.
static int read_text(const Cgroup *cgroup, const char *file, char text[static STAT_MAX]) {
    ssize_t length = file_read_line_at(cgroup_fd(cgroup), file, text, STAT_MAX);

    if (length == -ENOENT || length == -ENODEV || length == -EOPNOTSUPP)
        length = 0;
    if (length < 0)
        return (int)length;
    text[length] = '\0';
    return 0;
}

static int find_known(const char *text, const char *key, uint64_t *value) {
    int r = attribute_find(text, key, value);

    return r == -ENOENT ? 0 : r;
}

static int read_number(const Cgroup *cgroup, const char *file, uint64_t *value) {
    char text[STAT_MAX];

    int r = read_text(cgroup, file, text);
    if (r < 0 || !*text)
        return r;
    return parse_uint64(text, value) < 0 ? -EBADMSG : 0;
}

static int read_cpu(const Cgroup *cgroup, CgroupUsage *usage) {
    char text[STAT_MAX];

    int r = read_text(cgroup, "cpu.stat", text);
    if (r < 0)
        return r;
    r = find_known(text, "user_usec", &usage->user_usec);
    if (r < 0)
        return r;
    return find_known(text, "system_usec", &usage->system_usec);
}

static int read_memory(const Cgroup *cgroup, CgroupUsage *usage) {
    char text[STAT_MAX];

    // memory.events counts the subtree; memory.events.local would miss what dies in a child.
    int r = read_text(cgroup, "memory.events", text);
    if (r < 0 || !*text) // no memory controller: nothing else to open in vain
        return r;
    r = find_known(text, "oom_kill", &usage->oom_kills);
    if (r < 0)
        return r;
    return read_number(cgroup, "memory.peak", &usage->memory_peak);
}

int cgroup_read_usage(Cgroup *cgroup, CgroupUsage *ret) {
    CgroupUsage usage = { CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN };

    int r = read_cpu(cgroup, &usage);
    if (r < 0)
        return r;
    r = read_memory(cgroup, &usage);
    if (r < 0)
        return r;
    r = read_number(cgroup, "pids.peak", &usage.process_peak);
    if (r < 0)
        return r;
    *ret = usage;
    return 0;
}
