// SPDX-License-Identifier: LGPL-2.1-or-later
// The child of clone_into(): it runs in the memory of its waiting parent, so plain system calls only, no allocation,
// no lock. Raw calls are used where the C library would do more than the call. Everything that names a file happens
// after the ids have been given up, with the rights of the user.
#include "agent/launcher/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/launcher/capabilities.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define DEFAULT_OPEN_FILES 1024u

static int check(long result) {
    return result < 0 ? -errno : 0;
}

static int make_session(TaskStart *start) {
    (void)start;
    return check(setsid());
}

// Ignored signals there are none, and handlers went with the clone. Nothing is lost when a signal comes from now on: it
// ends the child, and its status says so.
static int reset_signals(TaskStart *start) {
    sigset_t none;

    (void)start;
    (void)sigemptyset(&none);
    return check(sigprocmask(SIG_SETMASK, &none, NULL));
}

// Nothing of the reaper's stays open, its claim above all: that belongs to the reaper alone.
static int take_descriptors(TaskStart *start) {
    if ((start->output_fd >= 0 && dup2(start->output_fd, STDOUT_FILENO) < 0) ||
        (start->error_fd >= 0 && dup2(start->error_fd, STDERR_FILENO) < 0))
        return -errno;
    return check(close_range(STDERR_FILENO + 1, ~0u, 0));
}

uint64_t task_limit(const Launch *launch, unsigned limit, const struct rlimit *inherited) {
    uint64_t wanted = inherited->rlim_cur;

    if (launch->request->limits_set & 1u << limit)
        wanted = launch->request->limits[limit];
    else if (limit == RLIMIT_CORE)
        wanted = 0;
    else if (limit == RLIMIT_NOFILE)
        wanted = DEFAULT_OPEN_FILES;
    return wanted < inherited->rlim_max ? wanted : inherited->rlim_max;
}

static int set_limit(const Launch *launch, unsigned limit) {
    struct rlimit value;

    if (getrlimit((__rlimit_resource_t)limit, &value) < 0)
        return -errno;
    value.rlim_cur = task_limit(launch, limit, &value);
    return check(setrlimit((__rlimit_resource_t)limit, &value));
}

// That of open files waits until the last file is open.
static int set_limits(TaskStart *start) {
    (void)umask(start->launch->request->umask);
    for (unsigned limit = 0; limit < LAUNCH_LIMITS; limit++) {
        int r = limit == RLIMIT_NOFILE ? 0 : set_limit(start->launch, limit);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_open_files(TaskStart *start) {
    return set_limit(start->launch, RLIMIT_NOFILE);
}

// With the capability the new score is the lowest one, too; without it the task could take the protection back. Who has
// not got it is in a container that has no score to give either, or is the user.
static int reset_oom(TaskStart *start) {
    if (!start->reset_oom)
        return 0;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int used = capabilities_use_sys_resource(true);
    int r = check(write(fd, "0", 1));
    (void)close(fd);
    if (r >= 0 && used >= 0)
        r = capabilities_use_sys_resource(false);
    return r;
}

// The kernel keeps groups in ascending order; launch_parse() has put them into it.
static int set_groups(TaskStart *start) {
    const Launch *launch = start->launch;
    uint32_t now[LAUNCH_GROUPS_MAX];
    size_t n = launch->request->n_groups;

    if (!start->privileged)
        return 0;
    if (syscall(SYS_setgroups, n, launch->groups) < 0)
        return -errno;
    long r = syscall(SYS_getgroups, LAUNCH_GROUPS_MAX, now);
    if (r < 0)
        return -errno;
    return (size_t)r == n && memcmp(now, launch->groups, n * sizeof(*now)) == 0 ? 0 : -EPERM;
}

static int set_gid(TaskStart *start) {
    gid_t gid = start->launch->request->gid, real, effective, saved;

    if (!start->privileged)
        return 0;
    if (syscall(SYS_setresgid, gid, gid, gid) < 0 || getresgid(&real, &effective, &saved) < 0)
        return -errno;
    return real == gid && effective == gid && saved == gid ? 0 : -EPERM;
}

// From here on the child belongs to the user but still has the memory of the reaper: it must not be traced.
static int set_uid(TaskStart *start) {
    uid_t uid = start->launch->request->uid, real, effective, saved;

    if (!start->privileged)
        return 0;
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0 ||
        getresuid(&real, &effective, &saved) < 0)
        return -errno;
    return real == uid && effective == uid && saved == uid ? 0 : -EPERM;
}

static int drop_capabilities(TaskStart *start) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    if (!start->privileged || start->launch->request->uid == 0)
        return 0;
    if (syscall(SYS_capset, &header, data) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (data[i].effective | data[i].permitted | data[i].inheritable)
            return -EPERM;
    return 0;
}

static int enter_directory(TaskStart *start) {
    return check(chdir(start->launch->directory));
}

// The memory is still that of the reaper, and the child may look at what is its own: /proc/self/maps, once open, shows
// where everything lies in a process of root's. Which process a file of /proc belongs to, it does not tell.
static int check_stream(int fd) {
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return -errno;
    return fs.f_type == PROC_SUPER_MAGIC ? -EACCES : 0;
}

static int put_stream(const char *path, int flags, int target) {
    int fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int r = check_stream(fd);
    if (r < 0)
        return r; // it ends with the child
    return check(dup2(fd, target) < 0 ? -1 : close(fd));
}

static int put_input(TaskStart *start) {
    const char *path = start->launch->input;

    return put_stream(path[0] == '\0' ? "/dev/null" : path, O_RDONLY, STDIN_FILENO);
}

#define OUTPUT_FLAGS (O_WRONLY | O_CREAT | O_TRUNC | O_APPEND)

// Those that are kept have been put already.
static int put_output(TaskStart *start) {
    const char *path = start->launch->output;

    return path[0] == '\0' ? 0 : put_stream(path, OUTPUT_FLAGS, STDOUT_FILENO);
}

// One open file for both when both have the same path: neither may overwrite the other.
static int put_error(TaskStart *start) {
    const char *path = start->launch->error;

    if (path[0] == '\0')
        return 0;
    if (strcmp(path, start->launch->output) == 0)
        return check(dup2(STDOUT_FILENO, STDERR_FILENO));
    return put_stream(path, OUTPUT_FLAGS, STDERR_FILENO);
}

static const char *search_path(const Launch *launch) {
    for (char *const *entry = launch->environment; *entry; entry++)
        if (strncmp(*entry, "PATH=", 5) == 0)
            return *entry + 5;
    return DEFAULT_PATH;
}

// Tries each directory of PATH as execvp(3) does: goes on where there is no such file, and tells of a file that may
// not be executed only when none may.
static int execute_searched(const Launch *launch, const char *name) {
    char path[PATH_MAX];
    size_t name_size = strlen(name) + 1;
    int error = ENOENT;

    if (name_size == 1 || name_size > NAME_MAX + 1)
        return name_size == 1 ? -ENOENT : -ENAMETOOLONG;
    for (const char *p = search_path(launch), *end;; p = end + 1) {
        end = strchrnul(p, ':');
        size_t length = (size_t)(end - p);

        if (length + 1 + name_size <= sizeof(path)) {
            memcpy(path, p, length);
            path[length] = '/';
            // An empty entry is the work directory.
            memcpy(path + (length > 0 ? length + 1 : 0), name, name_size);
            (void)execve(path, launch->arguments, launch->environment);
            if (errno == EACCES)
                error = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT)
                return -errno;
        }
        if (*end == '\0')
            return -error;
    }
}

static int execute(TaskStart *start) {
    const Launch *launch = start->launch;
    const char *program = launch->arguments[0];

    if (!strchr(program, '/'))
        return execute_searched(launch, program);
    return check(execve(program, launch->arguments, launch->environment));
}

static int wait_for_release(TaskStart *start) {
    clone_gate_pass(&start->gate);
    return 0;
}

// In this order: what needs privileges, giving them up, what has to be done with the rights of the user.
static const struct {
    LaunchStep step;
    int (*function)(TaskStart *start);
} steps[] = {
    { LAUNCH_STEP_SESSION, make_session },
    { LAUNCH_STEP_SIGNALS, reset_signals },
    { LAUNCH_STEP_DESCRIPTORS, take_descriptors },
    { LAUNCH_STEP_LIMITS, set_limits },
    { LAUNCH_STEP_LIMITS, reset_oom },
    { LAUNCH_STEP_GROUPS, set_groups },
    { LAUNCH_STEP_GID, set_gid },
    { LAUNCH_STEP_UID, set_uid },
    { LAUNCH_STEP_CAPABILITIES, drop_capabilities },
    { LAUNCH_STEP_DIRECTORY, enter_directory },
    { LAUNCH_STEP_STDIN, put_input },
    { LAUNCH_STEP_STDOUT, put_output },
    { LAUNCH_STEP_STDERR, put_error },
    { LAUNCH_STEP_LIMITS, set_open_files },
    { LAUNCH_STEP_NONE, wait_for_release },
    { LAUNCH_STEP_EXEC, execute },
};

// Leaves without the C library's exit: its memory is the parent's.
static _Noreturn void run_child(void *argument) {
    TaskStart *start = argument;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int r = steps[i].function(start);
        if (r < 0) {
            start->step = steps[i].step;
            start->error = -r;
            break;
        }
    }
    for (;;)
        (void)syscall(SYS_exit_group, 127);
}

pid_t task_prepare(TaskStart *start, int cgroup_fd, void *stack, int *ret_pidfd, bool *ret_ready) {
    start->step = LAUNCH_STEP_NONE;
    start->error = 0;
    return clone_into(cgroup_fd, stack, run_child, start, &start->gate, ret_pidfd, ret_ready);
}

void task_release(TaskStart *start) {
    clone_gate_open(&start->gate);
    clone_gate_leave(&start->gate);
}

void task_discard(TaskStart *start, int pidfd) {
    (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    clone_gate_leave(&start->gate);
}
