// SPDX-License-Identifier: LGPL-2.1-or-later
// The processes of a subtree. What is listed may change while it is read, unless it is frozen: this is evidence and
// counting, never proof of emptiness.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "cgroup/cgroup.h"
#include "cgroup/directory.h"

#define DEPTH_MAX 64      // each level holds a descriptor while it is walked
#define READ_SIZE 16384   // the kernel gives a page at a time
#define PIDS_FIRST 256    // first allocation, doubled when full
#define PID_LIMIT 4194304 // PID_MAX_LIMIT of the kernel: no pid is larger

typedef struct PidList {
    pid_t *pids;
    size_t n;
    size_t allocated;
} PidList;

static void pid_list_deinit(const PidList *list) {
    free(list->pids);
}

typedef struct Walk {
    DIR *levels[DEPTH_MAX];
    size_t depth;
} Walk;

static void walk_deinit(Walk *walk) {
    while (walk->depth > 0)
        directory_close(walk->levels[--walk->depth]);
}

static int pid_list_add(PidList *list, pid_t pid) {
    if (list->n == list->allocated) {
        size_t allocated = list->allocated ? 2 * list->allocated : PIDS_FIRST;
        pid_t *pids = reallocarray(list->pids, allocated, sizeof *pids);
        if (!pids)
            return -ENOMEM;
        list->pids = pids;
        list->allocated = allocated;
    }
    list->pids[list->n++] = pid;
    return 0;
}

static int compare_pids(const void *left, const void *right) {
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

    return (a > b) - (a < b);
}

static void pid_list_make_distinct(PidList *list) {
    size_t n = 0;

    if (list->n > 1)
        qsort(list->pids, list->n, sizeof *list->pids, compare_pids);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->pids[n - 1] != list->pids[i])
            list->pids[n++] = list->pids[i];
    list->n = n;
}

// Takes the next size bytes of "pid\npid\n...". pid carries a number cut in two by a read; -1 between numbers.
static int parse_pids(const char *bytes, size_t size, pid_t *pid, PidList *list) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] >= '0' && bytes[i] <= '9') {
            *pid = (*pid < 0 ? 0 : 10 * *pid) + (bytes[i] - '0');
            if (*pid > PID_LIMIT)
                return -EBADMSG;
        } else if (bytes[i] == '\n' && *pid >= 0) {
            int r = *pid > 0 ? pid_list_add(list, *pid) : 0;
            if (r < 0)
                return r;
            *pid = -1;
        } else {
            return -EBADMSG;
        }
    }
    return 0;
}

// Adds the pids of the one cgroup behind dir_fd.
static int collect(int dir_fd, PidList *list) {
    AUTO_CLOSE int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    char bytes[READ_SIZE];
    pid_t pid = -1;

    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t size = TEMP_FAILURE_RETRY(read(fd, bytes, sizeof bytes));
        if (size < 0)
            return -errno;
        if (size == 0)
            return pid < 0 ? 0 : -EBADMSG;
        int r = parse_pids(bytes, (size_t)size, &pid, list);
        if (r < 0)
            return r;
    }
}

// Adds the pids of the child name and, when it has children itself, puts it on the walk.
static int enter_child(Walk *walk, const char *name, PidList *list) {
    AUTO_DIRECTORY DIR *child = NULL;

    int r = directory_open(dirfd(walk->levels[walk->depth - 1]), name, &child);
    if (r == -ENOTDIR || r == -ELOOP)
        return 0; // a file or a link, on a file system that does not tell
    if (r < 0)
        return r;
    r = collect(dirfd(child), list);
    if (r == -EOPNOTSUPP)
        return 0; // a threaded child, and all below it too: the domain above lists their processes
    if (r < 0 || directory_is_leaf(dirfd(child)))
        return r;
    if (walk->depth == DEPTH_MAX)
        return -ELOOP;
    walk->levels[walk->depth++] = TAKE_PTR(child);
    return 0;
}

static int collect_below(int dir_fd, PidList *list) {
    CLEANUP(walk_deinit) Walk walk = { 0 };
    const char *name;

    int r = directory_open(dir_fd, ".", &walk.levels[0]);
    if (r < 0)
        return r;
    walk.depth = 1;
    while (walk.depth > 0) {
        r = directory_next(walk.levels[walk.depth - 1], &name);
        if (r == 0)
            directory_close(walk.levels[--walk.depth]);
        else if (r > 0)
            r = enter_child(&walk, name, list);
        if (r < 0 && r != -ENOENT && r != -ENODEV) // vanished meanwhile: nothing lives there
            return r;
    }
    return 0;
}

int cgroup_processes(Cgroup *cgroup, pid_t *pids, size_t max, size_t *ret_total) {
    CLEANUP(pid_list_deinit) PidList list = { 0 };
    int fd = cgroup_fd(cgroup);

    int r = collect(fd, &list);
    if (r == 0 && !directory_is_leaf(fd))
        r = collect_below(fd, &list);
    if (r < 0 && r != -ENODEV && !(r == -ENOENT && directory_is_removed(fd)))
        return r;
    pid_list_make_distinct(&list);
    size_t n = list.n < max ? list.n : max;
    if (n > 0)
        memcpy(pids, list.pids, n * sizeof *pids);
    *ret_total = list.n;
    return 0;
}
