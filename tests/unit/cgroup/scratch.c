// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/cgroup/scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "cgroup/controllers.h"

#define PATIENCE (60 * USEC_PER_SEC)
#define PREFIX "corral-cgroup-test-"

// ---- plain ----

int plain_fd = -1;
static char plain_path[] = "/tmp/corral-cgroup-test-XXXXXX";

// A failed assertion ends the test without its .fini, but not without exit().
static void clean_at_exit(void (*clean)(void)) {
    cr_assert(atexit(clean) == 0);
}

void plain_begin(void) {
    clean_at_exit(plain_end);
    cr_assert(mkdtemp(plain_path) != NULL);
    plain_fd = file_open_directory_at(AT_FDCWD, plain_path);
    cr_assert(plain_fd >= 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void plain_end(void) {
    if (plain_fd < 0)
        return;
    plain_fd = close_fd(plain_fd);
    (void)nftw(plain_path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int plain_mkdir(int dir_fd, const char *name) {
    cr_assert(mkdirat(dir_fd, name, 0755) == 0);
    int fd = file_open_directory_at(dir_fd, name);
    cr_assert(fd >= 0);
    return fd;
}

void plain_write(int dir_fd, const char *name, const char *text) {
    AUTO_CLOSE int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    cr_assert(fd >= 0);
    cr_assert(file_write_all(fd, text, strlen(text)) == 0);
}

void plain_expect(int dir_fd, const char *name, const char *text) {
    char found[4096] = "";

    cr_assert(file_read_at(dir_fd, name, found, sizeof found) >= 0);
    cr_assert_str_eq(found, text);
}

Cgroup *plain_open(int dir_fd, const char *name) {
    Cgroup *cgroup = NULL;

    cr_assert(cgroup_open(dir_fd, name, &cgroup) == 0);
    return cgroup;
}

// ---- scratch ----

int scratch_fd = -1;
char scratch_path[NAME_MAX];
char scratch_mount[PATH_MAX];
static int mount_fd = -1;

static void empty_and_remove(const char *name) {
    Cgroup *cgroup = NULL;

    if (cgroup_open(mount_fd, name, &cgroup) < 0)
        return;
    (void)file_write_at(cgroup_fd(cgroup), "cgroup.kill", "1");
    (void)wait_for_populated(cgroup, false);
    cgroup_free(cgroup);
    (void)remove_patiently(mount_fd, name);
}

// Removes what a test that crashed has left: its name tells whose it was.
static void sweep(void) {
    DIR *dir = opendir(scratch_mount);
    struct dirent *entry;

    cr_assert(dir != NULL);
    while ((entry = readdir(dir))) {
        uint64_t pid;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
            parse_uint64(entry->d_name + strlen(PREFIX), &pid) == 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
            empty_and_remove(entry->d_name);
    }
    closedir(dir);
}

static void scratch_clean(void) {
    if (scratch_fd < 0)
        return;
    scratch_fd = close_fd(scratch_fd);
    empty_and_remove(scratch_path);
    while (waitpid(-1, NULL, __WALL) > 0) {
    }
}

void scratch_begin(void) {
    CgroupMount mount;

    int r = cgroup_find_mount(&mount);
    if (r < 0)
        cr_skip("no cgroup v2 mount");
    (void)snprintf(scratch_mount, sizeof scratch_mount, "%s", mount.path);
    mount_fd = file_open_directory_at(AT_FDCWD, mount.path);
    cr_assert(mount_fd >= 0);
    (void)snprintf(scratch_path, sizeof scratch_path, PREFIX "%d", getpid());
    if (mkdirat(mount_fd, scratch_path, 0755) < 0)
        cr_skip("the cgroup v2 mount is not writable");
    clean_at_exit(scratch_clean);
    scratch_fd = file_open_directory_at(mount_fd, scratch_path);
    cr_assert(scratch_fd >= 0);
    cr_assert(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    sweep();
}

void scratch_end(void) {
    scratch_clean();
    cr_assert(mount_fd < 0 || faccessat(mount_fd, scratch_path, F_OK, 0) < 0, "the scratch cgroup is still there");
}

void scratch_make_pure_v2(void) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        cr_skip("no private mount namespace");
    while (umount2("/sys/fs/cgroup", MNT_DETACH) == 0) {
    }
    if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        cr_skip("cgroup v2 cannot be mounted");
}

pid_t scratch_spawn(const Cgroup *cgroup, void (*body)(void)) {
    struct clone_args args = { .flags = CLONE_INTO_CGROUP,
                               .exit_signal = SIGCHLD,
                               .cgroup = (uint64_t)cgroup_fd(cgroup) };

    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    cr_assert(pid >= 0, "clone3 into the cgroup: %s", strerror(errno));
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)syscall(SYS_close_range, 0U, ~0U, 0U); // the test runner waits for its pipes to close
        body();
        _exit(0);
    }
    return pid;
}

void sleep_body(void) {
    for (;;)
        (void)pause();
}

int scratch_reap(pid_t pid) {
    uint64_t deadline = clock_boottime() + PATIENCE;
    int status = -1;
    pid_t r;

    while ((r = waitpid(pid, &status, WNOHANG | __WALL)) == 0 && clock_boottime() < deadline)
        (void)poll(NULL, 0, 1);
    cr_assert(r == pid, "process %d has not ended", pid);
    return status;
}

Cgroup *scratch_create(int dir_fd, const char *name) {
    Cgroup *cgroup = NULL;

    cr_assert(cgroup_create(dir_fd, name, &cgroup) == 0);
    return cgroup;
}

static bool is_populated(const CgroupEvents *events) {
    return events->populated;
}

static bool is_frozen(const CgroupEvents *events) {
    return events->frozen;
}

static bool wait_for(Cgroup *cgroup, bool (*property)(const CgroupEvents *), bool wanted) {
    uint64_t deadline = clock_boottime() + PATIENCE;
    CgroupEvents events;

    do {
        if (cgroup_read_events(cgroup, &events) == 0 && property(&events) == wanted)
            return true;
        (void)poll(NULL, 0, 1);
    } while (clock_boottime() < deadline);
    return false;
}

bool wait_for_populated(Cgroup *cgroup, bool populated) {
    return wait_for(cgroup, is_populated, populated);
}

bool wait_for_frozen(Cgroup *cgroup, bool frozen) {
    return wait_for(cgroup, is_frozen, frozen);
}

int remove_patiently(int dir_fd, const char *name) {
    uint64_t deadline = clock_boottime() + PATIENCE;
    int r;

    while ((r = cgroup_remove(dir_fd, name)) == -EBUSY && clock_boottime() < deadline)
        (void)poll(NULL, 0, 1);
    return r;
}
