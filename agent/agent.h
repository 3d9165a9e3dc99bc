// SPDX-License-Identifier: LGPL-2.1-or-later
// The agent: the one object that everything else of corrald hangs on, and the turn of its event loop. All changes of a
// turn are committed together; replies and effects wait for the commit.
#pragma once

#include "agent/parameters.h"
#include "agent/store.h"
#include "base/log.h"
#include "cgroup/controllers.h"
#include "cgroup/selftest.h"
#include "ipc/server.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Agent Agent;
typedef struct Jobs Jobs;           // agent/jobs.h: the live jobs
typedef struct Launcher Launcher;   // agent/launcher-client.h
typedef struct Records Records;     // agent/records.h: the reapers' files
typedef struct Watchers Watchers;   // agent/watch.h
typedef struct Followers Followers; // agent/output.h
typedef struct Garbage Garbage;     // agent/garbage.h
typedef struct Journal Journal;     // agent/journal.h
typedef struct Service Service;     // agent/service.h

// What the configuration file sets, and a reload sets anew.
typedef struct AgentSettings {
    char admin_group[256]; // members are administrators besides root; empty: none
    int log_level;         // LOG_ERR to LOG_DEBUG
} AgentSettings;

#define AGENT_SETTINGS_DEFAULT ((AgentSettings){ .admin_group = "corral-admin", .log_level = LOG_INFO })

typedef struct AgentConfig {
    const char *socket_path; // NULL: passed by the service manager
    const char *state_dir;
    const char *runtime_dir;
    const char *cgroup_root;     // NULL: "corral" below the v2 mount
    const char *launcher_socket; // NULL: start one
    const char *config_path;     // NULL: none
} AgentConfig;

struct Agent {
    AgentConfig config;
    AgentSettings settings;
    sd_event *event;
    Store *store;
    Parameters parameters;
    IpcServer *server;
    Jobs *jobs;
    Launcher *launcher;
    Records *records;
    Watchers *watchers;
    Followers *followers;
    Garbage *garbage;
    Journal *journal;
    Service *service;

    CgroupMount mount;
    char *cgroup_path;             // of our root, relative to the mount
    int cgroup_root_fd;            // -1 while the tree is not there, see agent/tree.h
    int cgroup_jobs_fd;            // <root>/jobs, likewise
    CgroupControllers controllers; // enabled for jobs
    CgroupSelfTest self_test;
    bool tested;     // self_test is filled
    bool tree_gated; // its unit is being stopped
    sd_event_source *tree_source;
    int state_fd, lock_fd;
    int output_fd; // state_dir/output
    int runtime_fd;
    char boot_id[BOOT_ID_TEXT];
    uint64_t start_time;

    bool store_writable; // false: the reserve is in use or nothing can be written; no new work is taken
    bool store_failed;   // nothing can be written: there are no live jobs until it can
    sd_event_source *commit_source, *server_source, *retry_source, *expiry_source;
    uint64_t dirty_since; // 0: nothing to commit
    int store_error;      // of this turn
};

// Builds everything, recovers what an earlier agent left, and is ready to run. Errors are logged.
int agent_new(const AgentConfig *config, Agent **ret);
Agent *agent_free(Agent *agent);

// Runs until SIGTERM or SIGINT.
int agent_run(Agent *agent);

// Marks the turn as having changes, held replies or effects: they come with the next commit, before the loop sleeps.
void agent_touch(Agent *agent);

// Takes the result of a write to the store: the first failure of a turn is kept and fails its commit.
void agent_store_result(Agent *agent, int result);

// Whether tasks can be started: the jobs' cgroup is there, and a launcher. Else what is queued waits.
bool agent_can_start(const Agent *agent);

// Why not, for people; NULL when they can.
const char *agent_held(const Agent *agent);

// Whether nothing at all can be recorded now, not even a cancel.
bool agent_cannot_record(const Agent *agent);
