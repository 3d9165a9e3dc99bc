// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/service.h"

#include "agent/config.h"
#include "agent/jobs.h"
#include "agent/timer.h"
#include "base/log.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define STATUS_MAX 256
#define STATUS_PAUSE USEC_PER_SEC

struct Service {
    Agent *agent;
    bool listened_to;        // there is a service manager that wants to know
    char status[STATUS_MAX]; // as it was told last
    sd_event_source *term_source, *int_source, *reload_source, *status_source;
};

// ---- told ----

void service_format_status(const Agent *agent, char *ret, size_t size) {
    uint64_t jobs[_STATUS_LAST + 1] = { 0 };
    const char *held = agent_held(agent);

    (void)store_count_jobs(agent->store, jobs);
    uint64_t running = jobs[STATUS_RUNNING] + jobs[STATUS_CANCELING];
    (void)snprintf(ret, size, "%" PRIu64 " %s running, %" PRIu64 " queued; %u of %" PRIu64 " slots in use%s%s%s",
                   running, running == 1 ? "job" : "jobs", jobs[STATUS_QUEUED], jobs_slots_in_use(agent->jobs),
                   agent->parameters.value[PARAMETER_SLOTS],
                   agent->store_writable ? "" : "; records cannot be written, taking no new jobs",
                   held ? "; held: " : "", held ? held : "");
}

static void tell_status(Service *service) {
    char status[STATUS_MAX];

    service_format_status(service->agent, status, sizeof status);
    if (strcmp(status, service->status) == 0)
        return;
    memcpy(service->status, status, sizeof status);
    (void)sd_notifyf(0, "STATUS=%s", status);
}

static int on_status(sd_event_source *source, uint64_t usec, void *userdata) {
    Service *service = userdata;

    (void)source;
    (void)usec;
    tell_status(service);
    return 0;
}

void service_touch(Service *service) {
    if (!service || !service->listened_to || timer_is_set(service->status_source))
        return;
    (void)timer_set(service->agent->event, &service->status_source, STATUS_PAUSE, STATUS_PAUSE / 4, on_status, service);
}

void service_ready(Service *service) {
    tell_status(service);
    (void)sd_notify(0, "READY=1");
}

void service_stopping(Service *service) {
    (void)service;
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Running tasks go on.");
}

// ---- told by others ----

static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    const Service *service = userdata;

    (void)source;
    log_info("ending on signal %u; running tasks go on", info->ssi_signo);
    return sd_event_exit(service->agent->event, 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    Agent *agent = ((Service *)userdata)->agent;
    const char *path = agent->config.config_path;

    (void)source;
    (void)info;
    (void)sd_notify(0, "RELOADING=1");
    if (!path) {
        log_notice("there is no configuration file to read again");
    } else if (agent_config_read(path, &agent->settings) < 0) {
        log_error("the configuration stays as it was");
    } else {
        log_set_level(agent->settings.log_level);
        log_notice("read %s again", path);
    }
    (void)sd_notify(0, "READY=1");
    return 0;
}

// ---- the whole ----

int service_new(Agent *agent, Service **ret) {
    Service *service = calloc(1, sizeof *service);
    const char *socket = getenv("NOTIFY_SOCKET");

    if (!service)
        return -ENOMEM;
    service->agent = agent;
    service->listened_to = socket && socket[0];
    int r = sd_event_add_signal(agent->event, &service->term_source, SIGTERM, on_end, service);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, &service->int_source, SIGINT, on_end, service);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, &service->reload_source, SIGHUP, on_reload, service);
    if (r >= 0)
        r = sd_event_set_watchdog(agent->event, true); // as often as WATCHDOG_USEC asks for, if it does
    if (r < 0) {
        service_free(service);
        return r;
    }
    *ret = service;
    return 0;
}

Service *service_free(Service *service) {
    if (!service)
        return NULL;
    sd_event_source_disable_unref(service->term_source);
    sd_event_source_disable_unref(service->int_source);
    sd_event_source_disable_unref(service->reload_source);
    sd_event_source_disable_unref(service->status_source);
    free(service);
    return NULL;
}
