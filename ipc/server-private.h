// SPDX-License-Identifier: LGPL-2.1-or-later
// The server as its own parts see it. Private to ipc/.
#pragma once

#include "ipc/connection.h"
#include "ipc/idl.h"
#include "ipc/server.h"

#include <sys/queue.h>

#define IPC_READ_SIZE ((size_t)128 * 1024) // bytes taken from a connection at a time

typedef struct IpcBoundMethod {
    char *full_name;
    const IpcMethodType *type;
    IpcMethod method;
} IpcBoundMethod;

// An interface and who handles its methods.
typedef struct IpcBinding {
    IpcInterface *interface;
    IpcBoundMethod *methods;
    size_t n_methods;
    void *userdata;
} IpcBinding;

typedef struct IpcListener {
    IpcSource source;
    int fd;
    TAILQ_ENTRY(IpcListener) entry;
} IpcListener;

TAILQ_HEAD(IpcConnectionList, IpcConnection);

struct IpcServer {
    IpcServerConfig config;
    json_t *no_parameters; // an empty object, for calls without
    IpcBinding **bindings; // in the order of adding, org.varlink.service first
    size_t n_bindings;

    int epoll_fd, wake_fd, pause_fd;
    IpcSource wake, pause;
    bool woken; // wake_fd is readable
    TAILQ_HEAD(, IpcListener) listeners;

    struct IpcConnectionList connections; // all that are open
    struct IpcConnectionList ready;       // to be served
    struct IpcConnectionList holding;     // with held replies
    struct IpcConnectionList closed;      // to be freed at the end of the turn
    size_t n_connections;
    uint8_t read_buffer[IPC_READ_SIZE];
};

// server.c: the connection needs to be served, in this turn or the next.
void ipc_server_make_ready(IpcServer *server, IpcConnection *connection);
// server.c: moves it to the closed ones. It holds nothing any more, or the server goes as a whole.
void ipc_server_remove(IpcServer *server, IpcConnection *connection);

// accept.c
IpcListener *ipc_listener_free(IpcServer *server, IpcListener *listener);
// Accepts some. Negative errno when nothing can be accepted now: the server pauses then, which keeps the loop from
// spinning.
int ipc_listener_accept(IpcServer *server, IpcListener *listener);
void ipc_server_resume_accepting(IpcServer *server);

// route.c: finds and calls the handler of a call, or answers with an error.
void ipc_server_route(IpcServer *server, IpcCall *call, const json_t *message);
const IpcBinding *ipc_server_find_binding(const IpcServer *server, const char *interface, size_t length);
IpcBinding *ipc_binding_free(IpcBinding *binding);

// service.c
int ipc_server_add_service(IpcServer *server);
