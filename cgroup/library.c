// SPDX-License-Identifier: LGPL-2.1-or-later
// Includes no other header of this folder: libcgroup claims the prefix cgroup_ as well.
#include "cgroup/library.h"

#include <errno.h>
#include <libcgroup.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define LOG_MAX 512
#define PATH_SIZE FILENAME_MAX // of libcgroup's buffers, which cut silently
#define VALUE_SIZE 4096        // likewise

typedef struct cgroup Group;

static void group_free(Group *const *group) {
    Group *taken = *group;

    if (taken)
        cgroup_free(&taken);
}

__attribute__((format(printf, 3, 0))) static void log_library(void *userdata, int level, const char *format,
                                                              va_list arguments) {
    char text[LOG_MAX];

    (void)userdata;
    (void)level;
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    log_debug("libcgroup: %s", text);
}

static int to_errno(int error) {
    switch (error) {
    case 0:
        return 0;
    case ECGROUPNOTMOUNTED:
    case ECGROUPSUBSYSNOTMOUNTED:
        return -ENODEV;
    case ECGROUPVALUENOTEXIST:
        return -ENOENT;
    case ECGROUPNOTALLOWED:
        return -EPERM;
    case ECGOTHER:
        return cgroup_get_last_errno() > 0 ? -cgroup_get_last_errno() : -EIO;
    default:
        return -EIO;
    }
}

// Reads the mount table, once: libcgroup keeps it in a global of its own.
static int prepare(void) {
    static bool prepared;

    if (prepared)
        return 0;
    // Before anything else: the default logger writes to standard output.
    cgroup_set_logger(log_library, CGROUP_LOG_WARNING, NULL);
    int r = to_errno(cgroup_init());
    prepared = r == 0;
    return r;
}

int cgroup_library_find(const char *controller, char ret_mount[static PATH_MAX]) {
    struct cgroup_mount_point mount;
    void *handle = NULL;

    int r = prepare();
    if (r < 0)
        return r;
    int error = cgroup_get_controller_begin(&handle, &mount);
    while (error == 0 && strcmp(mount.name, controller) != 0)
        error = cgroup_get_controller_next(&handle, &mount);
    (void)cgroup_get_controller_end(&handle);
    if (error == ECGEOF)
        return -ENODEV;
    if (error != 0)
        return to_errno(error);
    size_t length = strnlen(mount.path, sizeof mount.path);
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(ret_mount, mount.path, length);
    ret_mount[length] = '\0';
    return 0;
}

int cgroup_library_set(const char *path, const char *controller, const char *file, const char *value) {
    CLEANUP(group_free) Group *group = NULL;
    char mount[PATH_MAX];

    int r = cgroup_library_find(controller, mount);
    if (r < 0)
        return r;
    if (strlen(mount) + strlen(path) + strlen(file) + sizeof "///" > PATH_SIZE)
        return -ENAMETOOLONG;
    if (strlen(value) >= VALUE_SIZE)
        return -E2BIG;
    group = cgroup_new_cgroup(path);
    if (!group)
        return -ENOMEM;
    struct cgroup_controller *part = cgroup_add_controller(group, controller);
    if (!part)
        return -ENOMEM;
    int error = cgroup_add_value_string(part, file, value);
    if (error == 0)
        error = cgroup_modify_cgroup(group);
    if (error != 0)
        log_debug("libcgroup: %s of %s: %s", file, path, cgroup_strerror(error)); // 0 has an error's text
    return to_errno(error);
}
