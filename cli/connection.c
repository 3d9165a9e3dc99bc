// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/connection.h"

#include "base/log.h"
#include "cli/errors.h"
#include "cli/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/corral/io.corral"
#define REPEATS_MAX 5
#define REPEAT_PAUSE (100 * 1000) // microseconds

// Where the units of the user's own systemd have it.
static const char *own_path(void) {
    static char path[108];
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (runtime && runtime[0] == '/')
        (void)snprintf(path, sizeof path, "%s/corral/io.corral", runtime);
    else
        (void)snprintf(path, sizeof path, "/run/user/%ju/corral/io.corral", (uintmax_t)geteuid());
    return path;
}

const char *connection_path(const Arguments *arguments) {
    const char *environment = getenv("CORRAL_SOCKET");

    if (arguments->value[OPTION_SOCKET])
        return arguments->value[OPTION_SOCKET];
    if (arguments_has(arguments, OPTION_OWN))
        return own_path();
    return environment && environment[0] ? environment : DEFAULT_SOCKET;
}

int connection_complain(int error, const char *path) {
    const char *hint = error == -EACCES ? "may you use it? (its group, or --socket PATH)"
                                        : "is corrald running? (systemctl [--user] status corrald, or --socket PATH)";

    log_error("cannot connect to %s: %s; %s", path, strerror(-error), hint);
    return error;
}

static int connection_open(const char *path, IpcClient **ret) {
    int r = ipc_client_connect(path, ret);
    return r < 0 ? connection_complain(r, path) : 0;
}

int connection_complain_lost(int error) {
    if (error == -EBADMSG)
        log_error("what the agent answered is not varlink; is it corrald?");
    else if (error == -ECONNABORTED)
        log_error("the agent closed the connection before it took the call: nothing was done; try again");
    else
        log_error("the agent went away before it answered: %s; what was asked for may have been done",
                  strerror(-error));
    return error;
}

int connection_complain_of_reply(const IpcReply *reply) {
    AUTO_FREE char *text = error_text(reply->error, reply->parameters);

    log_error("%s", text);
    return -EREMOTEIO;
}

// The agent closes connections that send more than it takes; this tells why before it does.
static int check_size(const json_t *parameters) {
    Buffer buffer = BUFFER_NULL;

    memory_require(ipc_json_print(parameters, &buffer) == 0);
    size_t size = buffer_size(&buffer);
    buffer_deinit(&buffer);
    if (size <= REQUEST_MAX)
        return 0;
    log_error("the call has %zu bytes, more than the agent takes in one (%d); give tasks in parts with 'corral add'",
              size, REQUEST_MAX);
    return -EMSGSIZE;
}

// ---- calls ----

static int call_make(Call *call) {
    AUTO_FREE char *name = memory_printf(JOBS_INTERFACE "%s", call->method);

    call->client = ipc_client_free(call->client);
    int r = connection_open(call->path, &call->client);
    if (r < 0)
        return r;
    r = ipc_client_send(call->client, name, json_incref(call->parameters), call->flags);
    if (r == -EPIPE)
        return 0; // what the agent said before it closed can still be received
    return r < 0 ? connection_complain_lost(r) : 0;
}

int call_send(Call *call) {
    if (call->parameters && check_size(call->parameters) < 0)
        return -EMSGSIZE;
    return call_make(call);
}

// Nothing of the call has been done: it can be made again. Systemd keeps the socket open for the next agent.
static bool may_make_again(Call *call, int error) {
    return error == -ECONNABORTED && !call->answered && call->repeated++ < REPEATS_MAX;
}

int call_receive(Call *call, IpcReply *ret) {
    int r;

    while ((r = ipc_client_receive(call->client, ret)) < 0 && may_make_again(call, r)) {
        (void)usleep(REPEAT_PAUSE);
        r = call_make(call);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return connection_complain_lost(r);
    call->answered = true;
    return ret->error ? connection_complain_of_reply(ret) : 0;
}

void call_deinit(Call *call) {
    call->client = ipc_client_free(call->client);
    json_decref(call->parameters);
    call->parameters = NULL;
}

int connection_call(const Arguments *arguments, const char *method, json_t *parameters, json_t **ret) {
    Call call CLEANUP(call_deinit) = { .path = connection_path(arguments), .method = method, .parameters = parameters };
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    int r = call_send(&call);
    if (r >= 0)
        r = call_receive(&call, &reply);
    if (r >= 0 && ret)
        *ret = json_incref(reply.parameters);
    return r < 0 ? r : 0;
}

int connection_stream(const Arguments *arguments, const char *method, json_t *parameters,
                      int (*each)(const json_t *reply, void *userdata), void *userdata) {
    Call call CLEANUP(call_deinit) = {
        .path = connection_path(arguments), .method = method, .parameters = parameters, .flags = IPC_CALL_MORE
    };
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    int r = call_send(&call);
    if (r < 0)
        return r;
    do {
        r = call_receive(&call, &reply);
        if (r >= 0)
            r = each(reply.parameters, userdata);
    } while (r >= 0 && reply.continues);
    return r < 0 ? r : 0;
}
