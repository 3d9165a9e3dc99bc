// SPDX-License-Identifier: LGPL-2.1-or-later
// New connections, within their limits.
#include "base/log.h"
#include "ipc/server-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define ACCEPTED_PER_TURN 64
#define PAUSE_SECONDS 1
#define RESERVED_SHARE 16 // of all connections, this part is kept for root, who may have to put things right

IpcListener *ipc_listener_free(IpcServer *server, IpcListener *listener) {
    if (!listener)
        return NULL;
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
    (void)close(listener->fd);
    free(listener);
    return NULL;
}

int ipc_server_listen(IpcServer *server, int fd) {
    IpcListener *listener = calloc(1, sizeof *listener);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = listener };
    int flags = fcntl(fd, F_GETFL);

    if (!listener)
        return -ENOMEM;
    *listener = (IpcListener){ .source = { IPC_SOURCE_LISTENER }, .fd = fd };
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int r = -errno;
        free(listener);
        return r;
    }
    TAILQ_INSERT_TAIL(&server->listeners, listener, entry);
    return 0;
}

void ipc_server_stop_listening(IpcServer *server) {
    IpcListener *listener;

    while ((listener = TAILQ_FIRST(&server->listeners)) != NULL) {
        TAILQ_REMOVE(&server->listeners, listener, entry);
        ipc_listener_free(server, listener);
    }
}

// ---- pausing ----

static void set_interest(IpcServer *server, uint32_t events) {
    IpcListener *listener;

    TAILQ_FOREACH (listener, &server->listeners, entry) {
        struct epoll_event event = { .events = events, .data.ptr = listener };
        if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, listener->fd, &event) < 0)
            log_errno(LOG_WARNING, -errno, "cannot watch for new connections");
    }
}

// What cannot be accepted stays in the queue of the kernel, and epoll would tell of it without end.
static void pause_accepting(IpcServer *server) {
    const struct itimerspec soon = { .it_value.tv_sec = PAUSE_SECONDS };

    if (timerfd_settime(server->pause_fd, 0, &soon, NULL) >= 0)
        set_interest(server, 0);
}

void ipc_server_resume_accepting(IpcServer *server) {
    uint64_t expirations;

    if (read(server->pause_fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations)
        set_interest(server, EPOLLIN);
}

// ---- limits ----

static size_t count_connections_of(const IpcServer *server, uid_t uid) {
    const IpcConnection *connection;
    size_t n = 0;

    TAILQ_FOREACH (connection, &server->connections, entry)
        n += connection->peer.uid == uid;
    return n;
}

// The name of the limit that a new connection of this user would exceed, or NULL.
static const char *exceeds_limit(const IpcServer *server, uid_t uid) {
    const IpcServerConfig *config = &server->config;
    bool limited = uid != 0 || config->limit_root;
    size_t reserved = limited ? config->connections_max / RESERVED_SHARE : 0;

    if (server->n_connections >= config->connections_max - reserved)
        return "too many connections";
    if (limited && count_connections_of(server, uid) >= config->connections_per_uid_max)
        return "too many connections of this user";
    return NULL;
}

int ipc_server_add_connection(IpcServer *server, int fd) {
    IpcConnection *connection;
    IpcPeer peer;

    int r = ipc_peer_init(&peer, fd);
    if (r < 0) {
        (void)close(fd);
        return log_errno(LOG_DEBUG, r, "cannot tell who connects");
    }
    const char *limit = exceeds_limit(server, peer.uid);
    if (limit) {
        log_debug("refusing uid %u, pid %d: %s", peer.uid, peer.pid, limit);
        ipc_peer_deinit(&peer);
        (void)close(fd);
        return -EUSERS;
    }
    r = ipc_connection_new(server, fd, &peer, &connection);
    if (r < 0)
        return log_errno(LOG_DEBUG, r, "cannot take a connection");
    log_debug("connection %d of uid %u, pid %d", fd, connection->peer.uid, connection->peer.pid);
    TAILQ_INSERT_TAIL(&server->connections, connection, entry);
    server->n_connections++;
    return 0;
}

int ipc_listener_accept(IpcServer *server, IpcListener *listener) {
    for (int i = 0; i < ACCEPTED_PER_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        // A refused client, over its limit for instance, is not the server's trouble.
        if (fd >= 0)
            (void)ipc_server_add_connection(server, fd);
        else if (errno == EAGAIN)
            return 0;
        else if (errno != EINTR && errno != ECONNABORTED) {
            int r = -errno;
            pause_accepting(server);
            return r;
        }
    }
    return 0;
}
