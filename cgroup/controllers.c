// SPDX-License-Identifier: LGPL-2.1-or-later
// Controllers: what there is, and switching them on and off for children.
#include "cgroup/controllers.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define CONTROLLERS_MAX 1024 // the text of cgroup.controllers
#define CHANGE_MAX 64        // one "+name"

static const char *const controller_names[] = {
    [CGROUP_CPU] = "cpu", [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids",
    [CGROUP_IO] = "io",   [CGROUP_CPUSET] = "cpuset", [CGROUP_HUGETLB] = "hugetlb",
};
static_assert(sizeof controller_names / sizeof *controller_names == _CGROUP_CONTROLLER_LAST + 1, "a name is missing");

const char *cgroup_controller_name(CgroupController controller) {
    return controller_names[controller];
}

// The controllers named in text, which is cut into its words. Those that Corral has no use for are left out.
static CgroupControllers parse_controllers(char *text) {
    CgroupControllers controllers = 0;
    char *rest;

    for (char *name = strtok_r(text, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        for (unsigned i = 0; i <= _CGROUP_CONTROLLER_LAST; i++)
            if (strcmp(name, controller_names[i]) == 0)
                controllers |= UINT32_C(1) << i;
    return controllers;
}

static int read_list(int dir_fd, const char *file, CgroupControllers *ret) {
    char text[CONTROLLERS_MAX];

    ssize_t length = file_read_line_at(dir_fd, file, text, sizeof text);
    if (length < 0)
        return (int)length;
    *ret = parse_controllers(text);
    return 0;
}

int cgroup_read_controllers(int dir_fd, CgroupControllers *ret) {
    return read_list(dir_fd, "cgroup.controllers", ret);
}

static int change(int dir_fd, char sign, const char *name) {
    char text[CHANGE_MAX];

    int length = snprintf(text, sizeof text, "%c%s", sign, name);
    if (length < 0 || (size_t)length >= sizeof text)
        return -EINVAL;
    return file_write_at(dir_fd, "cgroup.subtree_control", text);
}

int cgroup_enable_controllers(int dir_fd, CgroupControllers wanted, CgroupControllers *ret_enabled) {
    CgroupControllers offered, enabled;

    int r = cgroup_read_controllers(dir_fd, &offered);
    if (r < 0)
        return r;
    r = read_list(dir_fd, "cgroup.subtree_control", &enabled);
    if (r < 0)
        return r;
    CgroupControllers missing = wanted & offered & ~enabled;
    for (unsigned i = 0; i <= _CGROUP_CONTROLLER_LAST; i++)
        if (missing & UINT32_C(1) << i)
            (void)change(dir_fd, '+', controller_names[i]); // a refusal shows in what is read back
    return read_list(dir_fd, "cgroup.subtree_control", ret_enabled);
}

int cgroup_disable_controllers(int dir_fd) {
    char text[CONTROLLERS_MAX];
    int error = 0;
    char *rest;

    ssize_t length = file_read_line_at(dir_fd, "cgroup.subtree_control", text, sizeof text);
    if (length < 0)
        return (int)length;
    for (char *name = strtok_r(text, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        int r = change(dir_fd, '-', name);
        if (r < 0 && error == 0)
            error = r;
    }
    return error;
}
