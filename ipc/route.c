// SPDX-License-Identifier: LGPL-2.1-or-later
// From a message to the handler that answers it.
#include "base/log.h"
#include "ipc/call.h"
#include "ipc/message.h"

#include <stdio.h>
#include <string.h>

IpcBinding *ipc_binding_free(IpcBinding *binding) {
    if (!binding)
        return NULL;
    for (size_t i = 0; i < binding->n_methods; i++)
        free(binding->methods[i].full_name);
    free(binding->methods);
    ipc_interface_free(binding->interface);
    free(binding);
    return NULL;
}

const IpcBinding *ipc_server_find_binding(const IpcServer *server, const char *interface, size_t length) {
    for (size_t i = 0; i < server->n_bindings; i++) {
        const char *name = ipc_interface_name(server->bindings[i]->interface);
        if (strlen(name) == length && memcmp(name, interface, length) == 0)
            return server->bindings[i];
    }
    return NULL;
}

static const IpcBoundMethod *find_method(const IpcBinding *binding, const char *name) {
    for (size_t i = 0; i < binding->n_methods; i++)
        if (strcmp(binding->methods[i].method.name, name) == 0)
            return &binding->methods[i];
    return NULL;
}

// Finds the method of a call, or answers with an error: -1.
static int find(IpcServer *server, IpcCall *call, const IpcRequest *request) {
    const char *dot = strrchr(request->method, '.');

    if (!dot)
        return ipc_call_invalid_parameter(call, "method"), -1;
    call->binding = ipc_server_find_binding(server, request->method, (size_t)(dot - request->method));
    if (!call->binding) {
        AUTO_FREE char *interface = strndup(request->method, (size_t)(dot - request->method));
        return ipc_call_service_error(call, "InterfaceNotFound", "interface", interface ? interface : ""), -1;
    }
    call->method = find_method(call->binding, dot + 1);
    if (!call->method)
        return ipc_call_service_error(call, "MethodNotFound", "method", request->method), -1;
    return 0;
}

// An error that the interface of the call may define. 0 when it does not.
static int answer_own_error(IpcCall *call, const char *name, json_t *parameters) {
    char error[256], field[IPC_FIELD_MAX];
    const IpcInterface *interface = call->binding->interface;

    if (ipc_check_error(interface, name, parameters, field) < 0) {
        json_decref(parameters);
        return 0;
    }
    (void)snprintf(error, sizeof error, "%s.%s", ipc_interface_name(interface), name);
    (void)ipc_call_error(call, error, parameters);
    return 1;
}

static void refuse_without_more(IpcCall *call) {
    if (!answer_own_error(call, "ExpectedMore", NULL))
        (void)ipc_call_error(call, "org.varlink.service.ExpectedMore", NULL);
}

// The handler could not do its part. Without an error of its own to say so, the interface leaves nothing but to hang
// up.
static void answer_failure(IpcConnection *connection, IpcCall *call, int error) {
    log_errno(LOG_WARNING, error, "%s of uid %u failed", call->method->full_name, connection->peer.uid);
    if (answer_own_error(call, "InternalError", json_pack("{s:s}", "reason", strerror(-error))))
        return;
    ipc_connection_abandon(connection);
    ipc_connection_call_over(connection);
}

void ipc_server_route(IpcServer *server, IpcCall *call, const json_t *message) {
    IpcConnection *connection = call->connection;
    char field[IPC_FIELD_MAX];
    IpcRequest request;
    const char *wrong;

    int r = ipc_request_read(message, &request, &wrong);
    call->more = request.more;
    call->oneway = request.oneway;
    if (r < 0) {
        (void)ipc_call_invalid_parameter(call, wrong);
        return;
    }
    if (find(server, call, &request) < 0)
        return;
    if (request.upgrade) {
        (void)ipc_call_service_error(call, "MethodNotImplemented", "method", request.method);
        return;
    }
    if (ipc_check_call(call->method->type, request.parameters, field) < 0) {
        (void)ipc_call_invalid_parameter(call, field);
        return;
    }
    if (call->method->method.needs_more && !call->more) {
        refuse_without_more(call);
        return;
    }
    const json_t *parameters = request.parameters ? request.parameters : server->no_parameters;
    r = call->method->method.handler(call, parameters, call->binding->userdata);
    // The call may be over and freed by now.
    if (r < 0 && connection->call)
        answer_failure(connection, connection->call, r);
}
