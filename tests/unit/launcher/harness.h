// SPDX-License-Identifier: LGPL-2.1-or-later
// A launcher in a process of its own, a scratch cgroup, and scratch directories for records and output.
#pragma once

#include "agent/launcher/protocol.h"

#include <stdbool.h>
#include <stddef.h>

#define NOBODY 65534u

typedef struct Harness {
    char path[64]; // scratch directory, writable for everybody
    int path_fd, records_fd, output_fd;
    char cgroup_path[128];
    int cgroup_fd;
    int socket; // ours
    pid_t launcher, janitor;
} Harness;

// Skips the test when not root or when there is no cgroup v2.
void harness_init(Harness *harness);

// Greets the launcher with the two directories, and waits for its answer.
void harness_greet(const Harness *harness);

// Both.
void harness_start(Harness *harness);

// The same with a launcher that is not root but nobody, to whom cgroup and directories belong.
void harness_start_unprivileged(Harness *harness);

// Kills everything in the cgroup and the launcher, and removes all that was made.
void harness_deinit(Harness *harness);

// What to launch; zero is a sensible value everywhere but in arguments, which ends with NULL.
typedef struct TestLaunch {
    const char *const *arguments, *const *environment;
    const char *directory, *input, *output, *error;
    const uint32_t *groups;
    uint32_t n_groups, uid, gid, umask, attempt, limits_set;
    uint64_t limits[LAUNCH_LIMITS], output_max;
    bool keep; // keep both streams; /dev/null otherwise
} TestLaunch;

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) ARGUMENTS("/bin/sh", "-c", script)

typedef union TestPacket {
    LauncherHeader header;
    LaunchRequest launch;
    char bytes[LAUNCHER_MESSAGE_MAX + 64];
} TestPacket;

// Returns the size.
size_t packet_build(TestPacket *packet, const TestLaunch *launch);

void harness_send(const Harness *harness, const void *message, size_t size, const int *fds, size_t n_fds);
// 0 at the end of the connection.
size_t harness_receive(const Harness *harness, void *buffer, size_t size);

void harness_launch(const Harness *harness, const TestLaunch *launch);
// Waits for the record of an attempt; false when there is none in time.
bool harness_wait(const Harness *harness, uint32_t attempt, unsigned msec, LaunchRecord *ret);
// Launches and waits; fails the test when no record comes.
LaunchRecord harness_run(const Harness *harness, const TestLaunch *launch);

// Whether the file of an attempt exists; with suffix.
bool harness_has(const Harness *harness, int dir_fd, uint32_t attempt, const char *suffix);
// Reads a file of the scratch directory, or the kept output, into a buffer of its own, which the next call uses anew.
const char *harness_read(const Harness *harness, const char *name);
const char *harness_output(const Harness *harness, uint32_t attempt, const char *suffix);

// A process in the cgroup that waits for signals; it is killed by harness_deinit().
pid_t harness_sleeper(const Harness *harness, int cgroup_fd);
// Reads the populated or frozen field of cgroup.events until it is value.
bool harness_await_event(const Harness *harness, const char *field, int value);
void harness_freeze(const Harness *harness, bool frozen);
void sleep_msec(unsigned msec);
// Waits for a process to be in the cgroup.
pid_t harness_member(const Harness *harness);
// The state letter of a process, 0 when it has gone.
char process_state(pid_t pid);
pid_t process_parent(pid_t pid);
