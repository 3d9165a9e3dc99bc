// SPDX-License-Identifier: LGPL-2.1-or-later
// The turn of the server: what epoll tells is noted first, then each connection concerned is served once, the next turn
// going on where the budget of this one ended. What is closed in a turn is freed at its end.
#include "ipc/server.h"

#include "base/log.h"
#include "ipc/call.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define EVENTS_PER_TURN 64
#define CALLS_PER_TURN 1024

STAILQ_HEAD(CallList, IpcCall);

// ---- making and freeing ----

static int open_descriptors(IpcServer *server) {
    struct epoll_event wake = { .events = EPOLLIN, .data.ptr = &server->wake };
    struct epoll_event pause = { .events = EPOLLIN, .data.ptr = &server->pause };

    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->pause_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (server->epoll_fd < 0 || server->wake_fd < 0 || server->pause_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->wake_fd, &wake) < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->pause_fd, &pause) < 0)
        return -errno;
    return 0;
}

int ipc_server_new(const IpcServerConfig *config, IpcServer **ret) {
    IpcServer *server CLEANUP(cleanup_ipc_server_free) = calloc(1, sizeof *server);
    if (!server)
        return -ENOMEM;
    server->config = *config;
    server->epoll_fd = server->wake_fd = server->pause_fd = -1;
    server->wake.kind = IPC_SOURCE_WAKE;
    server->pause.kind = IPC_SOURCE_PAUSE;
    TAILQ_INIT(&server->listeners);
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->ready);
    TAILQ_INIT(&server->holding);
    TAILQ_INIT(&server->closed);
    server->no_parameters = json_object();
    int r = server->no_parameters ? open_descriptors(server) : -ENOMEM;
    if (r >= 0)
        r = ipc_server_add_service(server);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(server);
    return 0;
}

static void free_closed(IpcServer *server) {
    IpcConnection *connection;

    while ((connection = TAILQ_FIRST(&server->closed)) != NULL) {
        TAILQ_REMOVE(&server->closed, connection, entry);
        ipc_connection_free(connection);
    }
}

static void give_up_calls(struct CallList *calls) {
    IpcCall *call;

    while ((call = STAILQ_FIRST(calls)) != NULL) {
        STAILQ_REMOVE_HEAD(calls, entry);
        ipc_call_give_up(call);
    }
}

// First every call is over, then the owners hear of it: they may touch other calls in any order.
static void close_connections(IpcServer *server) {
    struct CallList calls = STAILQ_HEAD_INITIALIZER(calls);
    IpcConnection *connection;

    TAILQ_FOREACH (connection, &server->connections, entry) {
        IpcCall *call = ipc_connection_take_call(connection);
        if (call)
            STAILQ_INSERT_TAIL(&calls, call, entry);
    }
    give_up_calls(&calls);
    while ((connection = TAILQ_FIRST(&server->connections)) != NULL)
        ipc_server_remove(server, connection);
    free_closed(server);
}

IpcServer *ipc_server_free(IpcServer *server) {
    if (!server)
        return NULL;
    close_connections(server);
    ipc_server_stop_listening(server);
    for (size_t i = 0; i < server->n_bindings; i++)
        ipc_binding_free(server->bindings[i]);
    free(server->bindings);
    json_decref(server->no_parameters);
    close_fd(server->pause_fd);
    close_fd(server->wake_fd);
    close_fd(server->epoll_fd);
    free(server);
    return NULL;
}

// ---- interfaces ----

static const IpcMethod *find_handler(const IpcMethod *methods, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

static int bind_method(IpcBinding *binding, const IpcMethodType *type, const IpcMethod *methods, size_t n_methods) {
    const char *interface = ipc_interface_name(binding->interface), *name = ipc_method_name(type);
    const IpcMethod *method = find_handler(methods, n_methods, name);
    IpcBoundMethod *bound = &binding->methods[binding->n_methods];

    if (!method) {
        log_error("%s.%s has no handler", interface, name);
        return -EINVAL;
    }
    if (asprintf(&bound->full_name, "%s.%s", interface, name) < 0)
        return -ENOMEM;
    bound->type = type;
    bound->method = *method;
    binding->n_methods++;
    return 0;
}

static int bind_methods(IpcBinding *binding, const IpcMethod *methods, size_t n_methods) {
    const IpcMethodType *type;

    for (size_t i = 0; i < n_methods; i++)
        if (!ipc_interface_method(binding->interface, methods[i].name)) {
            log_error("%s has no method %s", ipc_interface_name(binding->interface), methods[i].name);
            return -EINVAL;
        }
    binding->methods = calloc(n_methods + 1, sizeof *binding->methods);
    if (!binding->methods)
        return -ENOMEM;
    for (size_t i = 0; (type = ipc_interface_method_at(binding->interface, i)) != NULL; i++) {
        int r = bind_method(binding, type, methods, n_methods);
        if (r < 0)
            return r;
    }
    if (binding->n_methods < n_methods) {
        log_error("%s has a method with two handlers", ipc_interface_name(binding->interface));
        return -EINVAL;
    }
    return 0;
}

DEFINE_CLEANUP(IpcBinding, ipc_binding_free)

int ipc_server_add_interface(IpcServer *server, const char *text, const IpcMethod *methods, size_t n_methods,
                             void *userdata) {
    IpcBinding *binding CLEANUP(cleanup_ipc_binding_free) = calloc(1, sizeof *binding);
    char wrong[160] = "";

    if (!binding)
        return -ENOMEM;
    binding->userdata = userdata;
    int r = ipc_interface_parse(text, strlen(text), &binding->interface, wrong, sizeof wrong);
    if (r == -EBADMSG)
        log_error("an interface cannot be read: %s", wrong);
    if (r < 0)
        return r;
    const char *name = ipc_interface_name(binding->interface);
    if (ipc_server_find_binding(server, name, strlen(name)))
        return -EEXIST;
    r = bind_methods(binding, methods, n_methods);
    if (r < 0)
        return r;
    IpcBinding **bindings = reallocarray(server->bindings, server->n_bindings + 1, sizeof *bindings);
    if (!bindings)
        return -ENOMEM;
    server->bindings = bindings;
    server->bindings[server->n_bindings++] = TAKE_PTR(binding);
    return 0;
}

// ---- connections ----

static void set_woken(IpcServer *server, bool woken) {
    uint64_t value = 1;

    if (server->woken == woken)
        return;
    ssize_t n = woken ? write(server->wake_fd, &value, sizeof value) : read(server->wake_fd, &value, sizeof value);
    if (n == (ssize_t)sizeof value)
        server->woken = woken;
}

void ipc_server_make_ready(IpcServer *server, IpcConnection *connection) {
    if (!connection->ready)
        TAILQ_INSERT_TAIL(&server->ready, connection, ready_entry);
    connection->ready = true;
    set_woken(server, true);
}

static IpcConnection *take_ready(IpcServer *server) {
    IpcConnection *connection = TAILQ_FIRST(&server->ready);

    if (connection) {
        TAILQ_REMOVE(&server->ready, connection, ready_entry);
        connection->ready = false;
    }
    return connection;
}

void ipc_server_remove(IpcServer *server, IpcConnection *connection) {
    ipc_connection_unwatch(connection);
    connection->fd = close_fd(connection->fd);
    if (connection->ready)
        TAILQ_REMOVE(&server->ready, connection, ready_entry);
    connection->ready = false;
    TAILQ_REMOVE(&server->connections, connection, entry);
    TAILQ_INSERT_TAIL(&server->closed, connection, entry);
    server->n_connections--;
}

size_t ipc_server_connections(const IpcServer *server) {
    return server->n_connections;
}

// ---- the turn ----

int ipc_server_fd(const IpcServer *server) {
    return server->epoll_fd;
}

static int note_event(IpcServer *server, const struct epoll_event *event) {
    IpcSource *source = event->data.ptr;

    switch (source->kind) {
    case IPC_SOURCE_CONNECTION:
        ((IpcConnection *)source)->events |= event->events;
        ipc_server_make_ready(server, (IpcConnection *)source);
        return 0;
    case IPC_SOURCE_LISTENER:
        return ipc_listener_accept(server, (IpcListener *)source);
    case IPC_SOURCE_PAUSE:
        ipc_server_resume_accepting(server);
        return 0;
    case IPC_SOURCE_WAKE:
        return 0;
    }
    return 0;
}

// Those that become ready again wait for the next turn behind the others.
static void serve_ready(IpcServer *server) {
    IpcConnection *last = TAILQ_LAST(&server->ready, IpcConnectionList), *connection = NULL;
    size_t budget = CALLS_PER_TURN;

    while (budget > 0 && connection != last) {
        connection = take_ready(server);
        ipc_connection_serve(connection, &budget);
    }
}

int ipc_server_dispatch(IpcServer *server) {
    struct epoll_event events[EVENTS_PER_TURN];
    int r = 0;

    int n = epoll_wait(server->epoll_fd, events, EVENTS_PER_TURN, 0);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        int noted = note_event(server, &events[i]);
        r = noted < 0 ? noted : r;
    }
    serve_ready(server);
    set_woken(server, !TAILQ_EMPTY(&server->ready));
    free_closed(server);
    return r;
}

// ---- held replies ----

bool ipc_server_holds(const IpcServer *server) {
    return !TAILQ_EMPTY(&server->holding);
}

void ipc_server_release(IpcServer *server) {
    IpcConnection *connection;

    while ((connection = TAILQ_FIRST(&server->holding)) != NULL)
        ipc_connection_release(connection);
}

void ipc_server_fail_held(IpcServer *server, const char *error, json_t *parameters) {
    struct CallList calls = STAILQ_HEAD_INITIALIZER(calls);
    AUTO_JSON json_t *owned = parameters;
    IpcConnection *connection = TAILQ_FIRST(&server->holding), *next;

    ipc_server_check_error(server, error, owned);
    for (; connection; connection = next) {
        next = TAILQ_NEXT(connection, holding_entry);
        IpcCall *call = ipc_connection_fail_held(connection, error, owned);
        if (call)
            STAILQ_INSERT_TAIL(&calls, call, entry);
    }
    give_up_calls(&calls);
}
