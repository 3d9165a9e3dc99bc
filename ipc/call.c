// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/call.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

IpcCall *ipc_call_free(IpcCall *call) {
    free(call);
    return NULL;
}

void ipc_call_give_up(IpcCall *call) {
    if (!call)
        return;
    if (call->gone)
        call->gone(call, call->gone_userdata);
    ipc_call_free(call);
}

const IpcPeer *ipc_call_peer(const IpcCall *call) {
    return &call->connection->peer;
}

const char *ipc_call_method(const IpcCall *call) {
    return call->method->full_name;
}

bool ipc_call_more(const IpcCall *call) {
    return call->more;
}

bool ipc_call_oneway(const IpcCall *call) {
    return call->oneway;
}

// ---- replies ----

#ifdef CORRAL_CHECK_REPLIES
static void mistake(const char *what, const char *field) __attribute__((noreturn));

static void mistake(const char *what, const char *field) {
    log_error("%s does not agree with its interface: \"%s\" is wrong", what, field);
    abort();
}

static void check_reply(const IpcCall *call, const json_t *parameters) {
    char field[IPC_FIELD_MAX];

    if (ipc_check_reply(call->method->type, parameters, field) < 0)
        mistake(call->method->full_name, field);
}
#else
static void check_reply(const IpcCall *call, const json_t *parameters) {
    (void)call;
    (void)parameters;
}
#endif

void ipc_server_check_error(const IpcServer *server, const char *error, const json_t *parameters) {
#ifdef CORRAL_CHECK_REPLIES
    char field[IPC_FIELD_MAX] = "";
    const char *dot = strrchr(error, '.');
    const IpcBinding *binding = dot ? ipc_server_find_binding(server, error, (size_t)(dot - error)) : NULL;

    if (!binding || ipc_check_error(binding->interface, dot + 1, parameters, field) < 0)
        mistake(error, field);
#else
    (void)server;
    (void)error;
    (void)parameters;
#endif
}

// Whether it still is the call of its connection: no longer so within its own gone callback.
static bool is_alive(const IpcCall *call) {
    return call->connection->call == call;
}

int ipc_call_reply(IpcCall *call, json_t *parameters) {
    AUTO_JSON json_t *owned = parameters;

    if (!is_alive(call))
        return -ENOTCONN;
    check_reply(call, owned);
    int r = ipc_connection_append_reply(call->connection, call, owned, false);
    ipc_connection_call_over(call->connection);
    return r;
}

int ipc_call_reply_more(IpcCall *call, json_t *parameters) {
    AUTO_JSON json_t *owned = parameters;

    if (!is_alive(call))
        return -ENOTCONN;
    assert(call->more || call->oneway);
    check_reply(call, owned);
    return ipc_connection_append_reply(call->connection, call, owned, true);
}

int ipc_call_error(IpcCall *call, const char *error, json_t *parameters) {
    AUTO_JSON json_t *owned = parameters;

    if (!is_alive(call))
        return -ENOTCONN;
    ipc_server_check_error(call->connection->server, error, owned);
    int r = ipc_connection_append_error(call->connection, call, error, owned);
    ipc_connection_call_over(call->connection);
    return r;
}

int ipc_call_service_error(IpcCall *call, const char *name, const char *parameter, const char *value) {
    char error[64];
    json_t *parameters = json_pack("{s:s}", parameter, value);

    (void)snprintf(error, sizeof error, "org.varlink.service.%s", name);
    if (parameters)
        return ipc_call_error(call, error, parameters);
    ipc_connection_abandon(call->connection);
    ipc_connection_call_over(call->connection);
    return -ENOMEM;
}

int ipc_call_invalid_parameter(IpcCall *call, const char *parameter) {
    return ipc_call_service_error(call, "InvalidParameter", "parameter", parameter);
}

// ---- streams ----

void ipc_call_on_gone(IpcCall *call, void (*gone)(IpcCall *call, void *userdata), void *userdata) {
    call->gone = gone;
    call->gone_userdata = userdata;
}

bool ipc_call_congested(const IpcCall *call) {
    return call->connection->congested;
}

void ipc_call_on_drained(IpcCall *call, void (*drained)(IpcCall *call, void *userdata), void *userdata) {
    call->drained = drained;
    call->drained_userdata = userdata;
}
