// SPDX-License-Identifier: LGPL-2.1-or-later
// One cgroup (v2): made, opened, frozen, killed, watched and removed through the files of its directory, always
// relative to a directory fd. Knows no jobs. Source of the rules: Documentation/admin-guide/cgroup-v2.rst of the
// kernel.
//
// All functions return 0 or a negative errno unless told otherwise. A cgroup that has vanished is not an error where
// "gone" is what the caller waits for: see cgroup_read_events().
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Cgroup Cgroup;

// Makes directory name below parent_fd and opens it. -EEXIST when it is there already: directories are never reused.
// name must be one path component that cannot collide with a kernel file: it has to start with a digit or be known to
// be harmless.
int cgroup_create(int parent_fd, const char *name, Cgroup **ret);

// Opens an existing one.
int cgroup_open(int parent_fd, const char *name, Cgroup **ret);

// Closes; the directory stays. Accepts NULL, returns NULL. libcgroup exports another cgroup_free, hence the other name
// for the linker.
Cgroup *cgroup_free(Cgroup *cgroup) __asm__("corral_cgroup_free");
DEFINE_CLEANUP(Cgroup, cgroup_free)
#define AUTO_CGROUP CLEANUP(cleanup_cgroup_free)

// The directory fd, borrowed: for CLONE_INTO_CGROUP, for children, for passing on.
int cgroup_fd(const Cgroup *cgroup);

// The kernel's 64-bit id of the cgroup (its inode number).
uint64_t cgroup_id(const Cgroup *cgroup);

typedef struct CgroupEvents {
    bool populated;
    bool frozen;
    bool gone; // the directory no longer exists; populated and frozen are false then
} CgroupEvents;

// Reads cgroup.events. The answer is immediate, unlike the notice. -EBADMSG when the kernel's text cannot be
// understood: not known is not empty.
int cgroup_read_events(Cgroup *cgroup, CgroupEvents *ret);

// Opens cgroup.events for poll(2) with POLLPRI (EPOLLPRI): each change raises it once. It stays raised until it is read
// through this very fd, so either pread(2) it or watch it edge-triggered. The caller owns the fd.
int cgroup_open_events(Cgroup *cgroup, int *ret_fd);

// Asks the kernel to freeze or thaw. Asynchronous: done when cgroup_read_events() says frozen. -ENOENT when it is gone.
int cgroup_freeze(Cgroup *cgroup, bool frozen);

// SIGKILL to every process of the subtree, forks in flight included. -EOPNOTSUPP when the kernel has no cgroup.kill
// or the cgroup is threaded: signal each process then. 0 also when it is gone. Success says nothing about emptiness.
int cgroup_kill(Cgroup *cgroup);

// Sets pids.max to 0 so that nothing can fork. 0 also when there is no pids controller.
int cgroup_forbid_forks(Cgroup *cgroup);

// Lists the distinct pids of the whole subtree, ascending, at most max of them; ret_total counts all. Pids that the
// kernel shows as 0 (another pid namespace) are left out. pids may be NULL with max 0 to count only. -EOPNOTSUPP when
// the cgroup itself is threaded, -ELOOP when cgroups are nested deeper than 64.
int cgroup_processes(Cgroup *cgroup, pid_t *pids, size_t max, size_t *ret_total);

#define CGROUP_UNKNOWN UINT64_MAX

// Each CGROUP_UNKNOWN where the kernel or a missing controller does not tell.
typedef struct CgroupUsage {
    uint64_t user_usec;
    uint64_t system_usec;
    uint64_t memory_peak; // bytes
    uint64_t process_peak;
    uint64_t oom_kills; // of the whole subtree
} CgroupUsage;

// Reads what the cgroup and its descendants have used. A missing file is no error.
int cgroup_read_usage(Cgroup *cgroup, CgroupUsage *ret);

// Removes directory name below parent_fd with the empty cgroups inside it, deepest first. 0 also when it was gone;
// -EBUSY when something lives in it, or keeps making cgroups, or there are more than one call clears (thousands): look
// again, kill again. Any depth; never follows links.
int cgroup_remove(int parent_fd, const char *name);
