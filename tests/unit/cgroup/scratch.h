// SPDX-License-Identifier: LGPL-2.1-or-later
// What the tests of cgroup/ stand on: a plain directory that looks like a cgroup, and a real cgroup of their own. Both
// go away with the test, whatever became of it.
#pragma once

#include "cgroup/cgroup.h"

#include <stdbool.h>
#include <sys/types.h>

// ---- plain: files written by hand ----

extern int plain_fd; // the directory

void plain_begin(void);
void plain_end(void);

// Makes directory name below dir_fd and returns its fd, which plain_end() or the end of the process closes.
int plain_mkdir(int dir_fd, const char *name);
void plain_write(int dir_fd, const char *name, const char *text);
void plain_expect(int dir_fd, const char *name, const char *text);

// Opens plain directory name below dir_fd as if it were a cgroup.
Cgroup *plain_open(int dir_fd, const char *name);

// ---- scratch: a cgroup below the v2 mount ----

extern int scratch_fd;
extern char scratch_path[]; // relative to the mount
extern char scratch_mount[];

// Skips the test, by name, when no cgroup v2 mount can be written to.
void scratch_begin(void);

// Kills and reaps every process spawned, and everything in the scratch cgroup, and removes it.
void scratch_end(void);

// Before scratch_begin(): gives this process a private /sys/fs/cgroup that is cgroup v2 alone. Skips when not allowed.
void scratch_make_pure_v2(void);

// Clones a process into the cgroup; body does not have to return, and exits with 0 when it does.
pid_t scratch_spawn(const Cgroup *cgroup, void (*body)(void));

// Bodies.
__attribute__((noreturn)) void sleep_body(void);

// Reaps pid, which must end within five seconds, and returns its wait status.
int scratch_reap(pid_t pid);

// Creates a cgroup below dir_fd, or fails the test.
Cgroup *scratch_create(int dir_fd, const char *name);

// Waits at most five seconds for a state; false when it did not come.
bool wait_for_populated(Cgroup *cgroup, bool populated);
bool wait_for_frozen(Cgroup *cgroup, bool frozen);

// Removes, patiently: busy for a moment is allowed.
int remove_patiently(int dir_fd, const char *name);
