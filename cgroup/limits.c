// SPDX-License-Identifier: LGPL-2.1-or-later
// Resource limits: written by libcgroup, believed when read back from the directory we hold.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "cgroup/cgroup.h"
#include "cgroup/controllers.h"
#include "cgroup/directory.h"
#include "cgroup/library.h"

#define TEXT_MAX 64
#define CPU_PERIOD 100000                     // microseconds; the kernel's default
#define CPU_QUOTA_PER_UNIT (CPU_PERIOD / 100) // a limit counts hundredths of a processor

typedef struct Limit {
    CgroupController controller;
    const char *file;
    char text[TEXT_MAX];     // what is written
    char expected[TEXT_MAX]; // what the kernel makes of it
} Limit;

#define LIMITS_MAX 3

static void add_limit(Limit limits[static LIMITS_MAX], size_t *n, CgroupController controller, const char *file,
                      uint64_t value, uint64_t expected) {
    Limit *limit = &limits[(*n)++];

    *limit = (Limit){ .controller = controller, .file = file };
    (void)snprintf(limit->text, sizeof limit->text, "%" PRIu64, value);
    (void)snprintf(limit->expected, sizeof limit->expected, "%" PRIu64, expected);
}

static int make_limits(const CgroupLimits *wanted, Limit limits[static LIMITS_MAX], size_t *ret_n) {
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), quota;
    size_t n = 0;

    if (wanted->memory_max != CGROUP_UNKNOWN) {
        if (wanted->memory_max >= INT64_MAX / page * page) // from here on the kernel understands "no limit"
            return -ERANGE;
        add_limit(limits, &n, CGROUP_MEMORY, "memory.max", wanted->memory_max, wanted->memory_max / page * page);
    }
    if (wanted->process_max != CGROUP_UNKNOWN)
        add_limit(limits, &n, CGROUP_PIDS, "pids.max", wanted->process_max, wanted->process_max);
    if (wanted->cpu_max != CGROUP_UNKNOWN) {
        if (__builtin_mul_overflow(wanted->cpu_max, (uint64_t)CPU_QUOTA_PER_UNIT, &quota))
            return -ERANGE;
        Limit *limit = &limits[n];
        add_limit(limits, &n, CGROUP_CPU, "cpu.max", quota, quota);
        (void)snprintf(limit->text, sizeof limit->text, "%" PRIu64 " %d", quota, CPU_PERIOD);
        memcpy(limit->expected, limit->text, sizeof limit->expected);
    }
    *ret_n = n;
    return 0;
}

static int check_controller(int dir_fd, const Limit *limit) {
    if (faccessat(dir_fd, limit->file, W_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    return directory_is_removed(dir_fd) ? -ENOENT : -EOPNOTSUPP;
}

static int set_limit(int dir_fd, const char *path, const Limit *limit) {
    char text[TEXT_MAX];

    int r = cgroup_library_set(path, cgroup_controller_name(limit->controller), limit->file, limit->text);
    if (r == -ENODEV)
        // It takes the controllers from its own reading of the mounts, which newer kernels can defeat. The file is
        // here.
        r = file_write_at(dir_fd, limit->file, limit->text);
    if (r < 0)
        return r;
    ssize_t length = file_read_line_at(dir_fd, limit->file, text, sizeof text);
    if (length < 0)
        return (int)length;
    return strcmp(text, limit->expected) == 0 ? 0 : -EIO;
}

int cgroup_set_limits(int dir_fd, const char *path, const CgroupLimits *limits) {
    Limit list[LIMITS_MAX];
    size_t n;

    int r = make_limits(limits, list, &n);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = check_controller(dir_fd, &list[i]);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = set_limit(dir_fd, path, &list[i]);
    return r;
}
