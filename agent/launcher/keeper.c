// SPDX-License-Identifier: LGPL-2.1-or-later
// Under a service manager the jobs' cgroup is that of a unit, and a unit needs a process. This one does nothing, so
// that nothing can go wrong with it; and if it is killed, the unit lives on as long as jobs do (ExitType=cgroup).
#include "agent/launcher/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "agent/launcher/notify.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#define MOUNT "/sys/fs/cgroup" // where every service manager with units like ours has it

// "0::/system.slice/corral-jobs.service"
static int find_own(char root[static PATH_MAX]) {
    char text[PATH_MAX];

    ssize_t n = file_read_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
    if (n < 0)
        return (int)n;
    char *own = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!own)
        return -ENODEV;
    own = strchr(own, '/');
    if (!own)
        return -ENODEV;
    own[strcspn(own, "\n")] = '\0';
    return snprintf(root, PATH_MAX, MOUNT "%s", own) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int make(int root_fd, const char *name) {
    return mkdirat(root_fd, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int settle(const char *root) {
    AUTO_CLOSE int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -errno;
    int r = make(root_fd, "launcher");
    if (r >= 0)
        r = make(root_fd, "jobs");
    return r < 0 ? r : file_write_at(root_fd, "launcher/cgroup.procs", "0");
}

int keeper_run(const char *root) {
    char own[PATH_MAX] = "of this process";
    sigset_t set;
    int signal;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP); // means nothing here, and must not end it
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)prctl(PR_SET_NAME, "corral-keeper");
    int r = root ? 0 : find_own(own);
    if (r >= 0)
        r = settle(root ? root : own);
    if (r < 0)
        return log_errno(LOG_ERR, r, "Cannot keep the cgroup %s", root ? root : own), EXIT_FAILURE;
    notify("READY=1\nSTATUS=Keeps the cgroup of the jobs.");
    do
        signal = sigwaitinfo(&set, NULL);
    while (signal != SIGTERM && signal != SIGINT);
    return EXIT_SUCCESS;
}
