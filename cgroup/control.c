// SPDX-License-Identifier: LGPL-2.1-or-later
// Freezing, killing, and what cgroup.events tells about both.
#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "cgroup/attribute.h"
#include "cgroup/cgroup.h"
#include "cgroup/directory.h"

#define EVENTS_MAX 512 // two short lines today; room for keys to come

static int find_flag(const char *text, const char *key, bool *ret) {
    uint64_t value;

    int r = attribute_find(text, key, &value);
    if (r < 0)
        return r;
    if (value > 1)
        return -EBADMSG;
    *ret = value;
    return 0;
}

static int parse_events(const char *text, CgroupEvents *ret) {
    CgroupEvents events = { 0 };

    // Without "populated" nothing is known, and not known must never pass for empty.
    int r = find_flag(text, "populated", &events.populated);
    if (r < 0)
        return -EBADMSG;
    r = find_flag(text, "frozen", &events.frozen);
    if (r < 0 && r != -ENOENT) // a kernel before 5.2 cannot freeze and does not have the key
        return r;
    *ret = events;
    return 0;
}

int cgroup_read_events(Cgroup *cgroup, CgroupEvents *ret) {
    char text[EVENTS_MAX];

    ssize_t length = file_read_at(cgroup_fd(cgroup), "cgroup.events", text, sizeof text);
    // ENODEV: removed between the open and the read. ENOENT alone proves nothing: it may be no cgroup at all.
    if (length == -ENODEV || (length == -ENOENT && directory_is_removed(cgroup_fd(cgroup)))) {
        *ret = (CgroupEvents){ .gone = true };
        return 0;
    }
    return length < 0 ? (int)length : parse_events(text, ret);
}

int cgroup_open_events(Cgroup *cgroup, int *ret_fd) {
    AUTO_CLOSE int fd = openat(cgroup_fd(cgroup), "cgroup.events", O_RDONLY | O_CLOEXEC);
    char text[EVENTS_MAX];

    if (fd < 0)
        return -errno;
    // A descriptor that was never read is raised from the start; this read makes the first notice mean a change.
    if (TEMP_FAILURE_RETRY(pread(fd, text, sizeof text, 0)) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int cgroup_freeze(Cgroup *cgroup, bool frozen) {
    int r = file_write_at(cgroup_fd(cgroup), "cgroup.freeze", frozen ? "1" : "0");

    return r == -ENODEV ? -ENOENT : r;
}

int cgroup_kill(Cgroup *cgroup) {
    int r = file_write_at(cgroup_fd(cgroup), "cgroup.kill", "1");

    if (r == -ENOENT)
        return directory_is_removed(cgroup_fd(cgroup)) ? 0 : -EOPNOTSUPP;
    return r == -ENODEV ? 0 : r;
}

int cgroup_forbid_forks(Cgroup *cgroup) {
    int r = file_write_at(cgroup_fd(cgroup), "pids.max", "0");

    return r == -ENOENT || r == -ENODEV ? 0 : r;
}
