// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/place.h"

#include "base/file.h"
#include "base/log.h"
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WANTED (1u << CGROUP_CPU | 1u << CGROUP_MEMORY | 1u << CGROUP_PIDS)

static int open_made(const char *path, mode_t mode, int *ret_fd) {
    int r = file_make_directories(path, mode);
    if (r < 0)
        return log_errno(LOG_ERR, r, "cannot make the directory %s", path);
    int fd = file_open_directory_at(AT_FDCWD, path);
    if (fd < 0)
        return log_errno(LOG_ERR, fd, "cannot open the directory %s", path);
    *ret_fd = fd;
    return 0;
}

static int open_made_at(int dir_fd, const char *name, mode_t mode, int *ret_fd) {
    if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
        return log_errno(LOG_ERR, -errno, "cannot make the directory %s", name);
    int fd = file_open_directory_at(dir_fd, name);
    if (fd < 0)
        return log_errno(LOG_ERR, fd, "cannot open the directory %s", name);
    *ret_fd = fd;
    return 0;
}

static int lock_state(Agent *agent) {
    agent->lock_fd = openat(agent->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (agent->lock_fd < 0)
        return log_errno(LOG_ERR, -errno, "cannot make the lock in %s", agent->config.state_dir);
    if (flock(agent->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return log_errno(LOG_ERR, -errno, "another agent uses %s", agent->config.state_dir);
    return 0;
}

// Each directory from the mount down to ours hands the wanted controllers on as far as it may. A refusal is no error:
// what is missing in the end is told in the status.
static void enable_on_the_way(const char *mount, const char *path) {
    char part[PATH_MAX];
    CgroupControllers enabled;

    for (const char *end = path; end; end = strchr(end + 1, '/')) {
        if (snprintf(part, sizeof part, "%s%.*s", mount, (int)(end - path), path) >= (int)sizeof part)
            return;
        int fd = file_open_directory_at(AT_FDCWD, part);
        if (fd >= 0)
            (void)cgroup_enable_controllers(fd, WANTED, &enabled);
        close_fd(fd);
    }
}

static int find_cgroup_root(Agent *agent, char root[static PATH_MAX]) {
    int r = cgroup_find_mount(&agent->mount);
    if (r < 0)
        return log_errno(LOG_ERR, r, "there is no cgroup v2 mount (mount -t cgroup2 none /sys/fs/cgroup)");
    size_t length = strlen(agent->mount.path);
    const char *wanted = agent->config.cgroup_root;
    int n = wanted ? snprintf(root, PATH_MAX, "%s", wanted) : snprintf(root, PATH_MAX, "%s/corral", agent->mount.path);
    if (n >= PATH_MAX || strncmp(root, agent->mount.path, length) != 0 || root[length] != '/' || strstr(root, "/../"))
        return log_errno(LOG_ERR, -EINVAL, "the cgroup root has to lie below %s", agent->mount.path);
    while (n > 1 && root[n - 1] == '/')
        root[--n] = '\0';
    agent->cgroup_path = strdup(root + length + 1);
    return agent->cgroup_path ? 0 : -ENOMEM;
}

static int open_cgroups(Agent *agent) {
    char root[PATH_MAX];
    int launcher_fd;

    int r = find_cgroup_root(agent, root);
    if (r >= 0)
        r = open_made(root, 0755, &agent->cgroup_root_fd);
    if (r < 0)
        return r;
    if (flock(agent->cgroup_root_fd, LOCK_EX | LOCK_NB) < 0)
        return log_errno(LOG_ERR, -errno, "another agent uses the cgroup %s", root);
    r = open_made_at(agent->cgroup_root_fd, "launcher", 0755, &launcher_fd);
    if (r < 0)
        return r;
    close_fd(launcher_fd);
    r = open_made_at(agent->cgroup_root_fd, "jobs", 0755, &agent->cgroup_jobs_fd);
    if (r < 0)
        return r;

    CgroupControllers enabled = 0;
    enable_on_the_way(agent->mount.path, root + strlen(agent->mount.path));
    (void)cgroup_enable_controllers(agent->cgroup_root_fd, WANTED, &enabled);
    r = cgroup_enable_controllers(agent->cgroup_jobs_fd, WANTED, &enabled);
    agent->controllers = r < 0 ? 0 : enabled & WANTED;
    return 0;
}

static int test_kernel(Agent *agent) {
    int r = cgroup_self_test(agent->cgroup_jobs_fd, &agent->self_test);
    if (r < 0)
        return log_errno(LOG_ERR, r, "cannot test the kernel's cgroups");
    if (!agent->self_test.clone_into)
        return log_errno(LOG_ERR, agent->self_test.error, "this kernel cannot start a process in a cgroup");
    if (!agent->self_test.freeze)
        log_warning("this kernel does not freeze cgroups here: no evidence is taken when a job is canceled");
    if (!agent->self_test.kill)
        log_warning("this kernel has no cgroup.kill: processes are killed one by one");
    for (int controller = 0; controller <= _CGROUP_CONTROLLER_LAST; controller++)
        if ((WANTED & 1u << controller) && !(agent->controllers & 1u << controller))
            log_info("there is no %s controller here: jobs that need it are refused",
                     cgroup_controller_name((CgroupController)controller));
    return 0;
}

int place_open(Agent *agent) {
    int r = open_made(agent->config.state_dir, 0700, &agent->state_fd);
    if (r >= 0)
        r = lock_state(agent);
    if (r >= 0)
        r = open_made_at(agent->state_fd, "output", 0700, &agent->output_fd);
    if (r >= 0)
        r = open_made(agent->config.runtime_dir, 0755, &agent->runtime_fd);
    if (r >= 0)
        r = open_cgroups(agent);
    if (r >= 0)
        r = test_kernel(agent);
    return r;
}

void place_close(Agent *agent) {
    agent->cgroup_jobs_fd = close_fd(agent->cgroup_jobs_fd);
    agent->cgroup_root_fd = close_fd(agent->cgroup_root_fd);
    agent->runtime_fd = close_fd(agent->runtime_fd);
    agent->output_fd = close_fd(agent->output_fd);
    agent->state_fd = close_fd(agent->state_fd);
    agent->lock_fd = close_fd(agent->lock_fd);
    free(agent->cgroup_path);
    agent->cgroup_path = NULL;
}
