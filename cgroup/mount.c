// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the hierarchy is, and where in it this process is.
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup/controllers.h"
#include "cgroup/library.h"

static void close_file(FILE *const *file) {
    if (*file)
        (void)fclose(*file);
}
#define AUTO_FILE CLEANUP(close_file)

// Undoes the kernel's "\040" for blanks and the like, in place.
static void unescape(char *text) {
    char *out = text;

    for (const char *in = text; *in; out++) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out = *in++;
        }
    }
    *out = '\0';
}

// Takes one line of mountinfo apart, in place: "36 35 98:0 root mountpoint options [tag...] - type source options".
static bool parse_mount(char *line, char **ret_root, char **ret_path) {
    char *rest, *root = NULL, *path = NULL, *type;

    char *tail = strstr(line, " - ");
    if (!tail || !(type = strtok_r(tail + 3, " ", &rest)) || strcmp(type, "cgroup2") != 0)
        return false;
    *tail = '\0';
    char *field = strtok_r(line, " ", &rest);
    for (unsigned i = 0; field && i <= 4; i++, field = strtok_r(NULL, " ", &rest)) {
        if (i == 3)
            root = field;
        else if (i == 4)
            path = field;
    }
    if (!path)
        return false;
    unescape(path);
    *ret_root = root;
    *ret_path = path;
    return true;
}

// Finds the first cgroup v2 mount that nothing is mounted over; one that shows the whole hierarchy is preferred to a
// bind mount of a part.
static int find_in_mountinfo(char ret_path[static PATH_MAX]) {
    AUTO_FILE FILE *file = fopen("/proc/self/mountinfo", "re");
    AUTO_FREE char *line = NULL;
    char found[PATH_MAX] = "", *root, *path;
    bool whole = false;
    struct statfs status;
    size_t size = 0;

    if (!file)
        return -errno;
    while (!whole && getline(&line, &size, file) > 0) {
        if (!parse_mount(line, &root, &path) || strlen(path) >= sizeof found)
            continue;
        if (statfs(path, &status) < 0 || status.f_type != CGROUP2_SUPER_MAGIC)
            continue;
        whole = strcmp(root, "/") == 0;
        if (whole || !*found)
            memcpy(found, path, strlen(path) + 1);
    }
    if (ferror(file))
        return -EIO;
    if (!*found)
        return -ENODEV;
    memcpy(ret_path, found, sizeof found);
    return 0;
}

static bool is_same_directory(const char *left, const char *right) {
    struct stat a, b;

    return stat(left, &a) == 0 && stat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// -EXDEV when libcgroup would write a limit somewhere else than we look.
static int compare_with_library(const CgroupMount *mount) {
    char path[PATH_MAX];

    for (unsigned i = 0; i <= _CGROUP_CONTROLLER_LAST; i++) {
        if (!(mount->controllers & UINT32_C(1) << i))
            continue;
        int r = cgroup_library_find(cgroup_controller_name(i), path);
        if (r == -ENODEV)
            continue; // it does not see the mount at all, or not this controller
        if (r < 0)
            return r;
        if (!is_same_directory(path, mount->path))
            return -EXDEV;
    }
    return 0;
}

int cgroup_find_mount(CgroupMount *ret) {
    AUTO_CLOSE int fd = -1;
    CgroupMount mount;

    int r = find_in_mountinfo(mount.path);
    if (r < 0)
        return r;
    fd = file_open_directory_at(AT_FDCWD, mount.path);
    if (fd < 0)
        return fd;
    r = cgroup_read_controllers(fd, &mount.controllers);
    if (r < 0)
        return r;
    r = compare_with_library(&mount);
    if (r < 0)
        return r;
    *ret = mount;
    return 0;
}

int cgroup_own_path(char *ret_path, size_t size) {
    AUTO_FILE FILE *file = fopen("/proc/self/cgroup", "re");
    AUTO_FREE char *line = NULL;
    size_t allocated = 0;
    ssize_t length;

    if (!file)
        return -errno;
    while ((length = getline(&line, &allocated, file)) > 0) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        if (line[length - 1] == '\n')
            line[--length] = '\0';
        const char *path = line + 3;
        if (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0'))
            return -EXDEV;
        if (strlen(path) >= size)
            return -E2BIG;
        memcpy(ret_path, path, strlen(path) + 1);
        return 0;
    }
    return ferror(file) ? -EIO : -ENODEV;
}
