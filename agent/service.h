// SPDX-License-Identifier: LGPL-2.1-or-later
// The agent as a service: what it tells the service manager (ready, still alive, how things stand), and what it is told
// by signals (end, read the configuration again).
#pragma once

#include "agent/agent.h"

// Begins to listen to signals and, where it is wanted, to feed the watchdog. Negative errno.
int service_new(Agent *agent, Service **ret);
Service *service_free(Service *service);

void service_ready(Service *service);
void service_stopping(Service *service);

// Something was committed: the status line is told anew, at most once a second.
void service_touch(Service *service);

// "2 jobs running, 5 queued; 3 of 4 slots in use", and what is not well.
void service_format_status(const Agent *agent, char *ret, size_t size);
