// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the cgroup v2 hierarchy is, which controllers it offers, and limits set through libcgroup.
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CgroupController {
    CGROUP_CPU,
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_IO,
    CGROUP_CPUSET,
    CGROUP_HUGETLB,
    _CGROUP_CONTROLLER_LAST = CGROUP_HUGETLB
} CgroupController;

// "cpu", "memory", ...
const char *cgroup_controller_name(CgroupController controller);

// A set of controllers is a mask of 1 << CgroupController.
typedef uint32_t CgroupControllers;

typedef struct CgroupMount {
    char path[PATH_MAX];           // where cgroup v2 is mounted
    CgroupControllers controllers; // what its root offers
} CgroupMount;

// Finds the cgroup v2 mount by /proc/self/mountinfo and checks the finding against libcgroup's. libcgroup does not see
// a v2 mount without known controllers (2.0.2); that is not a disagreement. -ENODEV when there is no v2 mount, -EXDEV
// when libcgroup has found a controller of it elsewhere.
int cgroup_find_mount(CgroupMount *ret);

// Where this process is below the v2 mount, such as "/user.slice", from /proc/self/cgroup. -E2BIG when it does not fit,
// -ENODEV when there is no v2 hierarchy, -EXDEV when it lies outside the cgroup namespace.
int cgroup_own_path(char *ret_path, size_t size);

// Reads cgroup.controllers of a directory.
int cgroup_read_controllers(int dir_fd, CgroupControllers *ret);

// Enables for the children of dir_fd those of wanted that it offers, one write each so that one refusal does not spoil
// the others; a refusal shows in ret_enabled: what is enabled now.
int cgroup_enable_controllers(int dir_fd, CgroupControllers wanted, CgroupControllers *ret_enabled);

// Disables every controller for the children of dir_fd.
int cgroup_disable_controllers(int dir_fd);

typedef struct CgroupLimits {
    uint64_t memory_max; // bytes
    uint64_t process_max;
    uint64_t cpu_max; // hundredths of a processor
} CgroupLimits;       // each CGROUP_UNKNOWN (cgroup/cgroup.h) when not wanted

// Sets the limits on an existing cgroup through libcgroup and reads each back through dir_fd. path is relative to the
// v2 mount. -EOPNOTSUPP when a controller is missing (nothing is set then), -EIO when the value read back is another
// (memory is counted in whole pages), -ERANGE when no kernel could hold it.
int cgroup_set_limits(int dir_fd, const char *path, const CgroupLimits *limits);
