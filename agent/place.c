// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/place.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
    int r = file_lock(agent->lock_fd);
    return r < 0 ? log_errno(LOG_ERR, r, "another agent uses %s", agent->config.state_dir) : 0;
}

int place_open(Agent *agent) {
    int r = open_made(agent->config.state_dir, 0700, &agent->state_fd);
    if (r >= 0)
        r = lock_state(agent);
    if (r >= 0)
        r = open_made_at(agent->state_fd, "output", 0700, &agent->output_fd);
    if (r >= 0)
        r = open_made(agent->config.runtime_dir, 0755, &agent->runtime_fd);
    return r;
}

void place_close(Agent *agent) {
    agent->runtime_fd = close_fd(agent->runtime_fd);
    agent->output_fd = close_fd(agent->output_fd);
    agent->state_fd = close_fd(agent->state_fd);
    agent->lock_fd = close_fd(agent->lock_fd);
}
