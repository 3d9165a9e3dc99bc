// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/tree.h"

#include "agent/attempt.h"
#include "agent/jobs.h"
#include "agent/journal.h"
#include "agent/launcher-client.h"
#include "agent/service.h"
#include "agent/timer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/shortage.h"
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WANTED (1u << CGROUP_CPU | 1u << CGROUP_MEMORY | 1u << CGROUP_PIDS)
#define LOOK_AGAIN USEC_PER_SEC
#define GATE "cgroup.max.descendants" // of jobs/: 0 while the unit is being stopped, see stop-jobs

bool tree_is_open(const Agent *agent) {
    return agent->cgroup_jobs_fd >= 0 && !agent->tree_gated;
}

// ---- where it is ----

static int find_root(Agent *agent) {
    const char *wanted = agent->config.cgroup_root;
    char root[PATH_MAX];

    int r = cgroup_find_mount(&agent->mount);
    if (r < 0)
        return log_errno(LOG_ERR, r, "there is no cgroup v2 mount (mount -t cgroup2 none /sys/fs/cgroup)");
    size_t length = strlen(agent->mount.path);
    int n = wanted ? snprintf(root, sizeof root, "%s", wanted)
                   : snprintf(root, sizeof root, "%s/corral", agent->mount.path);
    if (n >= (int)sizeof root || strncmp(root, agent->mount.path, length) != 0 || root[length] != '/' ||
        strstr(root, "/../"))
        return log_errno(LOG_ERR, -EINVAL, "the cgroup root has to lie below %s", agent->mount.path);
    while (n > 1 && root[n - 1] == '/')
        root[--n] = '\0';
    agent->cgroup_path = strdup(root + length + 1);
    return agent->cgroup_path ? 0 : -ENOMEM;
}

static int format_root(const Agent *agent, char root[static PATH_MAX]) {
    return snprintf(root, PATH_MAX, "%s/%s", agent->mount.path, agent->cgroup_path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

// ---- opening ----

// Each directory from the mount down to ours hands the wanted controllers on as far as it may. A refusal is no error:
// what is missing in the end is told in the status.
static void enable_on_the_way(const Agent *agent) {
    char part[PATH_MAX];
    CgroupControllers enabled;

    for (const char *end = agent->cgroup_path; end; end = strchr(end + 1, '/')) {
        int length = (int)(end - agent->cgroup_path);
        if (snprintf(part, sizeof part, "%s/%.*s", agent->mount.path, length, agent->cgroup_path) >= (int)sizeof part)
            return;
        int fd = file_open_directory_at(AT_FDCWD, part);
        if (fd >= 0)
            (void)cgroup_enable_controllers(fd, WANTED, &enabled);
        close_fd(fd);
    }
}

static int open_made_at(int dir_fd, const char *name, int *ret_fd) {
    if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = file_open_directory_at(dir_fd, name);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

// An error when the directory has been removed: its files go with it, while a descriptor of it, and its number of
// links, look as before.
static int read_gate(int jobs_fd, bool *ret_closed) {
    char text[32];

    int r = file_read_line_at(jobs_fd, GATE, text, sizeof text);
    if (r < 0)
        return r;
    *ret_closed = strcmp(text, "0") == 0;
    return 0;
}

// -ENOENT when it is not there and not ours to make.
static int open_root(const Agent *agent) {
    char root[PATH_MAX];

    int r = format_root(agent, root);
    if (r >= 0)
        r = file_make_directories(root, 0755);
    if (r == -EACCES || r == -EPERM || r == -EROFS)
        return -ENOENT;
    if (r < 0)
        return log_errno(LOG_ERR, r, "cannot make the cgroup %s", root);
    AUTO_CLOSE int fd = file_open_directory_at(AT_FDCWD, root);
    if (fd < 0)
        return log_errno(LOG_ERR, fd, "cannot open the cgroup %s", root);
    r = file_lock(fd);
    if (r < 0)
        return log_errno(LOG_ERR, r, "another agent uses the cgroup %s", root);
    return TAKE_FD(fd);
}

static int open_tree(Agent *agent) {
    AUTO_CLOSE int root_fd = open_root(agent), jobs_fd = -1, launcher_fd = -1;
    CgroupControllers enabled = 0;

    if (root_fd < 0)
        return root_fd;
    int r = open_made_at(root_fd, "launcher", &launcher_fd);
    if (r >= 0)
        r = open_made_at(root_fd, "jobs", &jobs_fd);
    if (r >= 0)
        r = read_gate(jobs_fd, &agent->tree_gated);
    if (r < 0)
        return log_errno(LOG_ERR, r, "cannot use the cgroup %s/%s", agent->mount.path, agent->cgroup_path);
    enable_on_the_way(agent);
    (void)cgroup_enable_controllers(root_fd, WANTED, &enabled);
    r = cgroup_enable_controllers(jobs_fd, WANTED, &enabled);
    agent->controllers = r < 0 ? 0 : enabled & WANTED;
    agent->cgroup_root_fd = TAKE_FD(root_fd);
    agent->cgroup_jobs_fd = TAKE_FD(jobs_fd);
    return 0;
}

// ---- going and coming ----

static void close_tree(Agent *agent) {
    agent->cgroup_jobs_fd = close_fd(agent->cgroup_jobs_fd);
    agent->cgroup_root_fd = close_fd(agent->cgroup_root_fd);
}

// Closes what has been removed, and sees whether the gate is open.
static void look(Agent *agent) {
    if (agent->cgroup_jobs_fd < 0)
        return;
    int r = read_gate(agent->cgroup_jobs_fd, &agent->tree_gated);
    if (r < 0 && !is_shortage(r))
        close_tree(agent);
}

static void look_again_later(Agent *agent);

// The directories of its runs went with the old tree: a job that goes on in the new one gets new ones.
static void forget_cgroup(Job *job, void *userdata) {
    CgroupEvents events;

    (void)userdata;
    if (job->cgroup && job->n_attempts == 0 && cgroup_read_events(job->cgroup, &events) >= 0 && events.gone)
        job->cgroup = cgroup_free(job->cgroup);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
    Agent *agent = userdata;

    (void)source;
    (void)usec;
    look(agent);
    if (agent->cgroup_jobs_fd < 0 && open_tree(agent) >= 0)
        agent->tested = false;
    if (!tree_is_open(agent)) {
        look_again_later(agent);
        return 0;
    }
    journal_agent(EVENT_TREE_OPEN, "the jobs' cgroup is there: jobs can start");
    tree_test(agent);
    jobs_walk(agent->jobs, forget_cgroup, NULL);
    agent_touch(agent); // what waits is started with the turn
    return 0;
}

static void look_again_later(Agent *agent) {
    int r = timer_set(agent->event, &agent->tree_source, LOOK_AGAIN, 0, on_look, agent);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set a timer; restart corrald when the jobs' cgroup is back");
}

static void tell_loss(Agent *agent) {
    journal_agent(EVENT_TREE_CLOSED,
                  "the jobs' cgroup %s: jobs wait until it is there again (is corral-jobs.service running?)",
                  agent->cgroup_jobs_fd < 0 ? "is not there" : "takes no more jobs");
    service_touch(agent->service);
    look_again_later(agent);
}

bool tree_is_lost(Agent *agent) {
    if (!tree_is_open(agent))
        return true;
    look(agent);
    if (tree_is_open(agent))
        return false;
    tell_loss(agent);
    return true;
}

int tree_find(Agent *agent) {
    int r = find_root(agent);
    if (r < 0)
        return r;
    r = open_tree(agent);
    if (r < 0 && r != -ENOENT)
        return r;
    if (tree_is_open(agent))
        tree_test(agent);
    else
        tell_loss(agent);
    return 0;
}

void tree_close(Agent *agent) {
    agent->tree_source = sd_event_source_disable_unref(agent->tree_source);
    close_tree(agent);
    free(agent->cgroup_path);
    agent->cgroup_path = NULL;
}

// ---- the test of the kernel ----

static void tell_test(const Agent *agent) {
    const CgroupSelfTest *test = &agent->self_test;

    if (!test->clone_into)
        log_errno(LOG_ERR, test->error, "this kernel cannot start a process in a cgroup");
    if (!test->freeze)
        log_warning("this kernel does not freeze cgroups here: no evidence is taken when a job is canceled");
    if (!test->kill)
        log_warning("this kernel has no cgroup.kill: processes are killed one by one");
    for (int controller = 0; controller <= _CGROUP_CONTROLLER_LAST; controller++)
        if ((WANTED & 1u << controller) && !(agent->controllers & 1u << controller))
            log_info("there is no %s controller here: jobs that need it are refused",
                     cgroup_controller_name((CgroupController)controller));
}

static int probe(int cgroup_fd, void *userdata) {
    const Agent *agent = userdata;

    return launcher_probe(agent->launcher, cgroup_fd);
}

// A clone into a cgroup needs the right to move processes from where we are: an agent in another unit has not got it.
void tree_test(Agent *agent) {
    bool by_launcher = agent->config.launcher_socket != NULL;

    if (agent->tested || !tree_is_open(agent) || (by_launcher && !launcher_connected(agent->launcher)))
        return;
    int r = cgroup_self_test(agent->cgroup_jobs_fd, by_launcher ? probe : NULL, agent, &agent->self_test);
    if (r < 0) {
        log_errno(LOG_ERR, r, "cannot test the kernel's cgroups");
        return;
    }
    agent->tested = true;
    tell_test(agent);
}
