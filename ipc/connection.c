// SPDX-License-Identifier: LGPL-2.1-or-later
// Nothing here calls back into the owner of the server except ipc_connection_serve(): what happens at other times is
// noted, and the connection made ready to be served.
#include "ipc/connection.h"

#include "base/log.h"
#include "ipc/call.h"
#include "ipc/message.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CALLS_PER_TURN 256   // of one connection, before the others get theirs
#define IDLE_MEMORY_MAX 4096 // of output that is kept although empty

// ---- state ----

static const char *state_name(IpcConnectionState state) {
    switch (state) {
    case IPC_CONNECTION_IDLE:
        return "idle";
    case IPC_CONNECTION_HANDLING:
        return "handling";
    case IPC_CONNECTION_PENDING:
        return "pending";
    case IPC_CONNECTION_ENDING:
        return "ending";
    case IPC_CONNECTION_CLOSED:
        return "closed";
    }
    return "?";
}

static bool may_follow(IpcConnectionState from, IpcConnectionState to) {
    switch (to) {
    case IPC_CONNECTION_IDLE:
        return from == IPC_CONNECTION_HANDLING || from == IPC_CONNECTION_PENDING;
    case IPC_CONNECTION_HANDLING:
        return from == IPC_CONNECTION_IDLE;
    case IPC_CONNECTION_PENDING:
        return from == IPC_CONNECTION_HANDLING;
    case IPC_CONNECTION_ENDING:
        return from == IPC_CONNECTION_IDLE;
    case IPC_CONNECTION_CLOSED:
        return from == IPC_CONNECTION_ENDING;
    }
    return false;
}

static void set_state(IpcConnection *connection, IpcConnectionState state) {
    assert(may_follow(connection->state, state));
    // Each call passes through the first two: not worth a line.
    if (state > IPC_CONNECTION_HANDLING)
        log_debug("connection %d of uid %u: %s -> %s", connection->fd, connection->peer.uid,
                  state_name(connection->state), state_name(state));
    connection->state = state;
    if (state == IPC_CONNECTION_CLOSED)
        ipc_server_remove(connection->server, connection);
}

// Output waits for the client: until it has read some, no more of its calls are taken.
static bool takes_calls(const IpcConnection *connection) {
    return connection->state == IPC_CONNECTION_IDLE &&
           ipc_connection_backlog(connection) <= connection->server->config.backlog_max;
}

// ---- making and freeing ----

int ipc_connection_new(IpcServer *server, int fd, IpcPeer *peer, IpcConnection **ret) {
    IpcConnection *connection = calloc(1, sizeof *connection);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

    if (!connection || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int r = connection ? -errno : -ENOMEM;
        free(connection);
        ipc_peer_deinit(peer);
        (void)close(fd);
        return r;
    }
    *connection = (IpcConnection){
        .source = { IPC_SOURCE_CONNECTION },
        .server = server,
        .fd = fd,
        .peer = *peer,
        .watched = true,
        .interest = EPOLLIN,
        .input = IPC_FRAMES_NULL(server->config.message_max),
    };
    *ret = connection;
    return 0;
}

IpcConnection *ipc_connection_free(IpcConnection *connection) {
    if (!connection)
        return NULL;
    assert(!connection->call);
    connection->fd = close_fd(connection->fd);
    ipc_peer_deinit(&connection->peer);
    ipc_frames_deinit(&connection->input);
    buffer_deinit(&connection->output);
    free(connection);
    return NULL;
}

// ---- output ----

size_t ipc_connection_backlog(const IpcConnection *connection) {
    return buffer_size(&connection->output);
}

static void unhold(IpcConnection *connection) {
    if (connection->held_calls > 0)
        TAILQ_REMOVE(&connection->server->holding, connection, holding_entry);
    connection->held_calls = 0;
    if (connection->call)
        connection->call->held = false;
}

static void hold(IpcConnection *connection) {
    if (connection->held_calls++ == 0)
        TAILQ_INSERT_TAIL(&connection->server->holding, connection, holding_entry);
}

void ipc_connection_unwatch(IpcConnection *connection) {
    if (connection->watched)
        (void)epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    connection->watched = false;
}

// Nobody reads what is written. What the client has sent before is still handled: it may not care about the answers.
static void lose(IpcConnection *connection) {
    connection->lost = true;
    unhold(connection);
    buffer_deinit(&connection->output);
    connection->released = 0;
    ipc_server_make_ready(connection->server, connection);
}

void ipc_connection_abandon(IpcConnection *connection) {
    ipc_frames_deinit(&connection->input);
    connection->end_of_input = true;
    lose(connection);
}

// Counts the call as one with held replies when the message has been appended.
static int appended(IpcConnection *connection, IpcCall *call, int r) {
    if (r < 0) {
        log_debug("connection %d: no memory for a reply", connection->fd);
        ipc_connection_abandon(connection);
        return r;
    }
    if (!call->held)
        hold(connection);
    call->held = true;
    if (ipc_connection_backlog(connection) > connection->server->config.backlog_max)
        connection->congested = true;
    return 0;
}

int ipc_connection_append_reply(IpcConnection *connection, IpcCall *call, const json_t *parameters, bool continues) {
    if (connection->lost || call->oneway)
        return 0;
    return appended(connection, call, ipc_message_print_reply(&connection->output, parameters, continues));
}

int ipc_connection_append_error(IpcConnection *connection, IpcCall *call, const char *error, const json_t *parameters) {
    if (connection->lost || call->oneway)
        return 0;
    return appended(connection, call, ipc_message_print_error(&connection->output, error, parameters));
}

static void send_released(IpcConnection *connection) {
    ssize_t n =
        send(connection->fd, buffer_bytes(&connection->output), connection->released, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            lose(connection);
        return;
    }
    buffer_consume(&connection->output, (size_t)n);
    connection->released -= (size_t)n;
    if (buffer_size(&connection->output) == 0 && connection->output.allocated > IDLE_MEMORY_MAX)
        buffer_deinit(&connection->output);
}

// ---- what is to be done ----

static void update_interest(IpcConnection *connection) {
    uint32_t wanted = 0;

    if (!connection->watched)
        return;
    // epoll always tells of a hang-up, again and again: there is no ignoring it but by leaving.
    if (connection->lost) {
        ipc_connection_unwatch(connection);
        return;
    }
    if (takes_calls(connection) && !connection->end_of_input)
        wanted |= EPOLLIN;
    if (connection->released > 0)
        wanted |= EPOLLOUT;
    if (connection->interest == wanted)
        return;
    struct epoll_event event = { .events = wanted, .data.ptr = connection };
    if (epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) < 0)
        ipc_connection_abandon(connection);
    connection->interest = wanted;
}

static bool is_drained(const IpcConnection *connection) {
    return connection->congested && ipc_connection_backlog(connection) <= connection->server->config.backlog_max / 2;
}

static bool is_over(const IpcConnection *connection) {
    return connection->state == IPC_CONNECTION_ENDING && ipc_connection_backlog(connection) == 0;
}

void ipc_connection_release(IpcConnection *connection) {
    unhold(connection);
    connection->released = ipc_connection_backlog(connection);
    if (connection->released > 0 && !(connection->interest & EPOLLOUT))
        send_released(connection);
    update_interest(connection);
    if (is_drained(connection) || is_over(connection) ||
        (takes_calls(connection) && ipc_frames_pending(&connection->input)))
        ipc_server_make_ready(connection->server, connection);
}

IpcCall *ipc_connection_take_call(IpcConnection *connection) {
    assert(connection->state != IPC_CONNECTION_HANDLING);
    IpcCall *call = TAKE_PTR(connection->call);
    if (call)
        set_state(connection, IPC_CONNECTION_IDLE);
    return call;
}

IpcCall *ipc_connection_fail_held(IpcConnection *connection, const char *error, const json_t *parameters) {
    IpcCall *call = connection->call && connection->call->held ? ipc_connection_take_call(connection) : NULL;
    int r = 0;

    connection->output.end = connection->output.begin + connection->released;
    for (size_t i = 0; i < connection->held_calls && r >= 0; i++)
        r = ipc_message_print_error(&connection->output, error, parameters);
    if (r < 0)
        ipc_connection_abandon(connection);
    ipc_server_make_ready(connection->server, connection);
    return call;
}

// ---- calls ----

void ipc_connection_call_over(IpcConnection *connection) {
    connection->call = ipc_call_free(connection->call);
    if (connection->state != IPC_CONNECTION_PENDING)
        return;
    set_state(connection, IPC_CONNECTION_IDLE);
    ipc_server_make_ready(connection->server, connection);
}

// A oneway call goes on: nobody ever waited for it.
static void give_up_call(IpcConnection *connection) {
    if (connection->lost && connection->state == IPC_CONNECTION_PENDING && !connection->call->oneway)
        ipc_call_give_up(ipc_connection_take_call(connection));
}

static void notice_drained(IpcConnection *connection) {
    if (!is_drained(connection))
        return;
    connection->congested = false;
    IpcCall *call = connection->call;
    if (connection->state == IPC_CONNECTION_PENDING && call->drained)
        call->drained(call, call->drained_userdata);
}

static IpcCall *begin_call(IpcConnection *connection) {
    connection->call = calloc(1, sizeof *connection->call);
    if (!connection->call) {
        ipc_connection_abandon(connection);
        return NULL;
    }
    connection->call->connection = connection;
    set_state(connection, IPC_CONNECTION_HANDLING);
    return connection->call;
}

static void end_call(IpcConnection *connection) {
    set_state(connection, connection->call ? IPC_CONNECTION_PENDING : IPC_CONNECTION_IDLE);
    give_up_call(connection);
}

static void handle_message(IpcConnection *connection, const char *text, size_t size) {
    AUTO_JSON json_t *message = NULL;
    char wrong[160] = "";

    int r = ipc_json_parse(text, size, &message, wrong, sizeof wrong);
    if (r == -EBADMSG) {
        log_debug("connection %d of uid %u: not a message: %s", connection->fd, connection->peer.uid, wrong);
        set_state(connection, IPC_CONNECTION_ENDING);
        return;
    }
    if (r < 0) {
        ipc_connection_abandon(connection);
        return;
    }
    IpcCall *call = begin_call(connection);
    if (!call)
        return;
    ipc_server_route(connection->server, call, message);
    end_call(connection);
}

static void refuse_large_message(IpcConnection *connection) {
    log_debug("connection %d of uid %u: a message is too large", connection->fd, connection->peer.uid);
    IpcCall *call = begin_call(connection);
    if (!call)
        return;
    (void)ipc_call_invalid_parameter(call, "message");
    end_call(connection);
    set_state(connection, IPC_CONNECTION_ENDING);
}

static void receive(IpcConnection *connection) {
    IpcServer *server = connection->server;
    ssize_t n = recv(connection->fd, server->read_buffer, sizeof server->read_buffer, MSG_DONTWAIT);

    if (n > 0) {
        if (ipc_frames_append(&connection->input, server->read_buffer, (size_t)n) < 0)
            ipc_connection_abandon(connection);
    } else if (n < 0 && (errno == EINTR || (errno == EAGAIN && !connection->lost))) {
        return;
    } else {
        // A client that is lost has sent what it had to send.
        connection->end_of_input = true;
        if (n < 0 && !connection->lost)
            lose(connection);
    }
}

static void take_calls(IpcConnection *connection, bool readable, size_t *budget) {
    size_t calls = *budget < CALLS_PER_TURN ? *budget : CALLS_PER_TURN, left = calls;
    const char *text;
    size_t size;

    while (left > 0 && takes_calls(connection)) {
        int r = ipc_frames_next(&connection->input, &text, &size);
        if (r < 0) {
            refuse_large_message(connection);
        } else if (r > 0) {
            left--;
            handle_message(connection, text, size);
        } else if (readable && !connection->end_of_input) {
            readable = false; // once is enough: epoll tells when there is more
            receive(connection);
        } else {
            break;
        }
    }
    *budget -= calls - left;
    // There may be more for which no event comes.
    if (left == 0 || (connection->lost && !connection->end_of_input && takes_calls(connection)))
        ipc_server_make_ready(connection->server, connection);
}

void ipc_connection_serve(IpcConnection *connection, size_t *budget) {
    uint32_t events = connection->events;

    connection->events = 0;
    if (events & EPOLLOUT && connection->released > 0)
        send_released(connection);
    if (events & (EPOLLHUP | EPOLLERR) && !connection->lost)
        lose(connection);
    give_up_call(connection);
    notice_drained(connection);
    take_calls(connection, events & EPOLLIN || connection->lost, budget);
    // Part of a message at the end of the input will never be whole.
    if (connection->state == IPC_CONNECTION_IDLE && connection->end_of_input && !ipc_frames_pending(&connection->input))
        set_state(connection, IPC_CONNECTION_ENDING);
    if (is_over(connection))
        set_state(connection, IPC_CONNECTION_CLOSED);
    update_interest(connection);
}
