// SPDX-License-Identifier: LGPL-2.1-or-later
// A turn: whatever is ready is handled and changes memory and the open transaction; when nothing is ready any more, or
// the turn has lasted long enough, it is committed. Only then come its effects: launches, stops, removals, answers.
// When the commit fails, the turn has never been: memory is thrown away and built again from the records, by the same
// code that runs after a crash.
#include "agent/agent.h"

#include "agent/attempt.h"
#include "agent/config.h"
#include "agent/garbage.h"
#include "agent/jobs.h"
#include "agent/journal.h"
#include "agent/launcher-client.h"
#include "agent/methods.h"
#include "agent/output.h"
#include "agent/place.h"
#include "agent/queue.h"
#include "agent/records.h"
#include "agent/recover.h"
#include "agent/reserve.h"
#include "agent/retention.h"
#include "agent/service.h"
#include "agent/stop.h"
#include "agent/timer.h"
#include "agent/tree.h"
#include "agent/watch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "ipc/interfaces.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TURN_LONGEST (2 * USEC_PER_MSEC) // then the commit goes before what else is ready
#define RETRY_PAUSE USEC_PER_SEC         // between attempts to write again
#define LAST_CALLS_LONGEST USEC_PER_SEC  // then the agent ends, whatever clients still send

static const IpcServerConfig server_config = {
    .vendor = "Corral", .product = "corrald", .version = CORRAL_VERSION, .url = "", IPC_SERVER_CONFIG_DEFAULT
};

// ---- the turn ----

void agent_touch(Agent *agent) {
    uint64_t now = clock_boottime();

    if (agent->dirty_since == 0) {
        agent->dirty_since = now;
        (void)sd_event_source_set_enabled(agent->commit_source, SD_EVENT_ONESHOT);
    } else if (now - agent->dirty_since > TURN_LONGEST) {
        (void)sd_event_source_set_priority(agent->commit_source, SD_EVENT_PRIORITY_IMPORTANT);
    }
}

void agent_store_result(Agent *agent, int result) {
    if (result < 0 && agent->store_error == 0)
        agent->store_error = result;
    agent_touch(agent);
}

bool agent_cannot_record(const Agent *agent) {
    return agent->store_failed;
}

const char *agent_held(const Agent *agent) {
    if (!tree_is_open(agent))
        return "the jobs' cgroup is closed (corral-jobs.service)";
    if (launcher_is_there(agent->launcher))
        return NULL;
    return agent->config.launcher_socket ? "no launcher is connected (corral-launcher.service)" : "no launcher runs";
}

bool agent_can_start(const Agent *agent) {
    return !agent_held(agent);
}

static void retry_later(Agent *agent);

// Memory again from the records.
static int load(Agent *agent) {
    agent->jobs = jobs_free(agent->jobs);
    int r = parameters_load(&agent->parameters, agent->store);
    if (r >= 0)
        r = jobs_new(agent, &agent->jobs);
    return r < 0 ? r : recover(agent);
}

// Memory without live jobs: what runs goes on without us, and its ends wait as files until they can be recorded.
static void forget(Agent *agent) {
    agent->jobs = jobs_free(agent->jobs);
    if (jobs_new(agent, &agent->jobs) < 0) {
        log_error("out of memory");
        (void)sd_event_exit(agent->event, -ENOMEM);
    }
}

// An error that came while the turn was collected is that of its commit.
static int commit(Agent *agent) {
    return agent->store_error < 0 ? agent->store_error : store_commit(agent->store);
}

static void refuse_held(Agent *agent, int error) {
    ipc_server_fail_held(agent->server, "io.corral.Jobs.StoreNotWritable",
                         json_pack("{s:s}", "reason", strerror(-error)));
}

// The turn could not be committed. What it answered becomes an error, what it would have done is not done.
static void take_back(Agent *agent, int error) {
    bool released = reserve_release(agent->state_fd);

    journal_agent(EVENT_STORE_FAILED, "cannot write the records (%s); %s", strerror(-error),
                  released ? "using the reserve, taking no new jobs" : "waiting until it is possible again");
    store_rollback(agent->store);
    garbage_forget(agent->garbage);
    journal_forget(agent->journal);
    service_touch(agent->service);
    agent->store_error = 0;
    agent->store_writable = false;
    refuse_held(agent, error);
    agent->store_failed = !released || load(agent) < 0;
    if (agent->store_failed) {
        store_rollback(agent->store);
        forget(agent);
    }
    retry_later(agent);
    agent_touch(agent); // what was answered above has to be sent
}

static void take_effect(Agent *agent) {
    uint64_t newest, complete_after;

    bool told = store_history_bounds(agent->store, &newest, &complete_after) >= 0;
    garbage_commit(agent->garbage);
    journal_commit(agent->journal);
    service_touch(agent->service);
    bool ended = !TAILQ_EMPTY(&agent->jobs->over);
    stops_settle(agent->jobs);
    jobs_drop_over(agent->jobs);
    attempts_launch(agent->jobs);
    stops_begin(agent->jobs);
    if (told)
        watchers_notify(agent->watchers, newest);
    followers_notify(agent->followers);
    ipc_server_release(agent->server);
    garbage_collect(agent->garbage); // nobody waits for this
    if (ended)
        retention_job_ended(agent);
}

static int on_commit(sd_event_source *source, void *userdata) {
    Agent *agent = userdata;

    agent->dirty_since = 0;
    (void)sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
    if (!agent->store_failed && agent_can_start(agent) && queue_may_start(agent->jobs) && !tree_is_lost(agent))
        queue_run(agent->jobs);
    int r = commit(agent);
    agent->dirty_since = 0; // what the queue touched is committed
    if (r < 0)
        take_back(agent, r);
    else
        take_effect(agent);
    return 0;
}

// ---- a full disk ----

static void try_again(Agent *agent) {
    if (agent->store_failed) {
        agent->store_failed = false;
        int r = load(agent);
        if (r >= 0)
            r = commit(agent);
        if (r < 0) {
            store_rollback(agent->store);
            garbage_forget(agent->garbage);
            journal_forget(agent->journal);
            agent->store_error = 0;
            agent->store_failed = true;
            forget(agent);
            retry_later(agent);
            return;
        }
        take_effect(agent);
    }
    if (reserve_make(agent->state_fd) < 0) {
        retry_later(agent);
        return;
    }
    agent->store_writable = true;
    journal_agent(EVENT_STORE_BACK, "records can be written again; taking new jobs");
    retention_run(agent);
    agent_touch(agent);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
    (void)source;
    (void)usec;
    try_again(userdata);
    return 0;
}

static void retry_later(Agent *agent) {
    int r = timer_set(agent->event, &agent->retry_source, RETRY_PAUSE, 0, on_retry, agent);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set a timer; restart corrald when there is room again");
}

// ---- clients ----

static int on_server(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Agent *agent = userdata;

    (void)source;
    (void)fd;
    (void)events;
    int r = ipc_server_dispatch(agent->server);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot serve clients");
    if (ipc_server_holds(agent->server))
        agent_touch(agent);
    return 0;
}

static int listen_to_clients(Agent *agent) {
    int n = sd_listen_fds(0), fd = -1;
    int r = n < 0 ? n : 0;

    for (int i = 0; r >= 0 && i < n; i++)
        r = ipc_server_listen(agent->server, SD_LISTEN_FDS_START + i);
    if (n == 0) {
        r = ipc_listen_unix(agent->config.socket_path, 0666, &fd);
        if (r >= 0)
            r = ipc_server_listen(agent->server, fd);
    }
    if (r < 0)
        return log_errno(LOG_ERR, r, "cannot listen on %s", agent->config.socket_path);
    return sd_event_add_io(agent->event, &agent->server_source, ipc_server_fd(agent->server), EPOLLIN, on_server,
                           agent);
}

static int make_server(Agent *agent) {
    int r = ipc_server_new(&server_config, &agent->server);
    if (r >= 0)
        r = ipc_server_add_interface(agent->server, ipc_interface_text_io_corral_jobs, agent_methods, n_agent_methods,
                                     agent);
    return r;
}

// ---- the whole ----

static int make_event_loop(Agent *agent) {
    int r = sd_event_new(&agent->event);
    if (r >= 0)
        r = sd_event_add_defer(agent->event, &agent->commit_source, on_commit, agent);
    if (r >= 0)
        r = sd_event_source_set_enabled(agent->commit_source, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_source_set_priority(agent->commit_source, SD_EVENT_PRIORITY_IDLE);
    return r;
}

static int make_store(Agent *agent) {
    int r = store_open(agent->config.state_dir, &agent->store);
    if (r < 0)
        return r;
    agent->store_writable = reserve_make(agent->state_fd) >= 0;
    if (!agent->store_writable) {
        log_warning("there is no room for the reserve in %s: taking no new jobs", agent->config.state_dir);
        retry_later(agent);
    }
    return 0;
}

static int build(Agent *agent) {
    int r = make_event_loop(agent);
    if (r >= 0)
        r = service_new(agent, &agent->service);
    if (r >= 0)
        r = journal_new(agent, &agent->journal);
    if (r >= 0)
        r = place_open(agent);
    if (r >= 0)
        r = tree_find(agent);
    if (r >= 0)
        r = make_store(agent);
    if (r >= 0)
        r = garbage_new(agent, &agent->garbage);
    if (r >= 0)
        r = watchers_new(agent, &agent->watchers);
    if (r >= 0)
        r = followers_new(agent, &agent->followers);
    if (r >= 0)
        r = make_server(agent);
    if (r >= 0)
        r = records_new(agent, &agent->records);
    if (r >= 0)
        r = load(agent);
    if (r >= 0)
        r = launcher_new(agent, &agent->launcher);
    if (r >= 0)
        r = listen_to_clients(agent);
    if (r >= 0)
        retention_run(agent);
    return r;
}

int agent_new(const AgentConfig *config, Agent **ret) {
    Agent *agent = calloc(1, sizeof *agent);

    if (!agent)
        return log_errno(LOG_ERR, -ENOMEM, "cannot start");
    agent->config = *config;
    agent->settings = AGENT_SETTINGS_DEFAULT;
    if (config->config_path && agent_config_read(config->config_path, &agent->settings) < 0) {
        free(agent);
        return -EINVAL; // it has been told
    }
    log_set_level(agent->settings.log_level);
    agent->start_time = clock_realtime();
    agent->cgroup_root_fd = agent->cgroup_jobs_fd = agent->state_fd = agent->output_fd = agent->runtime_fd =
        agent->lock_fd = -1;
    int r = clock_boot_id(agent->boot_id);
    if (r >= 0)
        r = build(agent);
    if (r < 0) {
        log_errno(LOG_ERR, r, "cannot start");
        agent_free(agent);
        return r;
    }
    *ret = agent;
    return 0;
}

// What clients have sent before the end is done and answered, and who comes now waits for the next agent: an orderly
// end leaves nobody in doubt about what was done. Its effects are the next agent's.
static int serve_the_last(Agent *agent) {
    uint64_t deadline = clock_boottime() + LAST_CALLS_LONGEST;
    struct pollfd server = { .fd = ipc_server_fd(agent->server), .events = POLLIN };
    int r = 0;

    ipc_server_stop_listening(agent->server);
    while (r >= 0 && clock_boottime() < deadline && poll(&server, 1, 0) > 0)
        r = ipc_server_dispatch(agent->server);
    r = agent->store_failed ? 0 : commit(agent);
    if (r >= 0)
        journal_commit(agent->journal);
    else
        refuse_held(agent, r);
    ipc_server_release(agent->server);
    return r;
}

int agent_run(Agent *agent) {
    service_ready(agent->service);
    int r = sd_event_loop(agent->event);
    service_stopping(agent->service);
    return r < 0 ? r : serve_the_last(agent);
}

Agent *agent_free(Agent *agent) {
    if (!agent)
        return NULL;
    // The server first: its calls refer to what follows.
    agent->server = ipc_server_free(agent->server);
    agent->launcher = launcher_free(agent->launcher);
    agent->jobs = jobs_free(agent->jobs);
    agent->watchers = watchers_free(agent->watchers);
    agent->followers = followers_free(agent->followers);
    agent->records = records_free(agent->records);
    agent->garbage = garbage_free(agent->garbage);
    agent->journal = journal_free(agent->journal);
    agent->service = service_free(agent->service);
    agent->store = store_free(agent->store);
    sd_event_source_disable_unref(agent->commit_source);
    sd_event_source_disable_unref(agent->server_source);
    sd_event_source_disable_unref(agent->retry_source);
    sd_event_source_disable_unref(agent->expiry_source);
    tree_close(agent);
    place_close(agent);
    sd_event_unref(agent->event);
    free(agent);
    return NULL;
}
