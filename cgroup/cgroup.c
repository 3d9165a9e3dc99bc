// SPDX-License-Identifier: LGPL-2.1-or-later
// Making, opening and removing.
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cgroup/directory.h"

// How many directories one call of cgroup_remove() tries: it runs in an event loop, and what makes cgroups may make
// them as fast as they are removed.
#define REMOVE_BUDGET 4096

struct Cgroup {
    int fd;
    uint64_t id;
};

int cgroup_create(int parent_fd, const char *name, Cgroup **ret) {
    if (!directory_name_is_valid(name))
        return -EINVAL;
    if (mkdirat(parent_fd, name, 0755) < 0)
        return -errno;
    int r = cgroup_open(parent_fd, name, ret);
    if (r < 0)
        (void)unlinkat(parent_fd, name, AT_REMOVEDIR);
    return r;
}

int cgroup_open(int parent_fd, const char *name, Cgroup **ret) {
    AUTO_CLOSE int fd = -1;
    struct stat status;

    if (!directory_name_is_valid(name))
        return -EINVAL;
    fd = file_open_directory_at(parent_fd, name);
    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return -errno;
    Cgroup *cgroup = malloc(sizeof *cgroup);
    if (!cgroup)
        return -ENOMEM;
    *cgroup = (Cgroup){ .fd = TAKE_FD(fd), .id = status.st_ino };
    *ret = cgroup;
    return 0;
}

Cgroup *cgroup_free(Cgroup *cgroup) {
    if (cgroup)
        (void)close_fd(cgroup->fd);
    free(cgroup);
    return NULL;
}

int cgroup_fd(const Cgroup *cgroup) {
    return cgroup->fd;
}

uint64_t cgroup_id(const Cgroup *cgroup) {
    return cgroup->id;
}

// 1 when the directory is gone now, 0 when something is in it.
static int try_remove(int parent_fd, const char *name) {
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 1;
    return errno == EBUSY || errno == ENOTEMPTY ? 0 : -errno;
}

// Removes what can be removed of the children of dir, up to the first that has something in it; that one is opened.
static int remove_children(DIR *dir, size_t *budget, bool *progress, DIR **ret_child) {
    const char *name;

    for (;;) {
        int r = directory_next(dir, &name);
        if (r <= 0)
            return r;
        if (*budget == 0)
            return -EBUSY;
        (*budget)--;
        r = try_remove(dirfd(dir), name);
        if (r == 0) {
            r = directory_open(dirfd(dir), name, ret_child);
            if (r == 0)
                return 1;
        }
        if (r == 1 || r == -ENOENT)
            *progress = true;
        else if (r != -ENOTDIR)
            return r;
    }
}

// Walks down one path of the subtree, always into the first child that has something in it, and removes the empty ones
// met on the way. Needs no memory of where it came from, so depth costs nothing. 1 when something went, 0 when nothing
// could: the path then ends at something alive.
static int prune(int parent_fd, const char *name, size_t *budget) {
    AUTO_DIRECTORY DIR *dir = NULL;
    bool progress = false;

    int r = directory_open(parent_fd, name, &dir);
    if (r == -ENOENT)
        return 1;
    if (r < 0)
        return r;
    for (;;) {
        DIR *child = NULL;
        r = remove_children(dir, budget, &progress, &child);
        if (r < 0)
            return r;
        if (r == 0)
            return progress;
        directory_close(dir);
        dir = child;
    }
}

int cgroup_remove(int parent_fd, const char *name) {
    size_t budget = REMOVE_BUDGET;

    if (!directory_name_is_valid(name))
        return -EINVAL;
    for (;;) {
        int r = try_remove(parent_fd, name);
        if (r != 0)
            return r < 0 ? r : 0;
        r = prune(parent_fd, name, &budget);
        if (r < 0)
            return r;
        if (r == 0)
            // It may have become empty between the two looks.
            return try_remove(parent_fd, name) == 1 ? 0 : -EBUSY;
    }
}
