// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/client.h"

#include "ipc/frame.h"
#include "ipc/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define REPLY_MAX ((size_t)256 * 1024 * 1024) // the server is trusted, but not to fill the memory
#define READ_SIZE ((size_t)64 * 1024)

struct IpcClient {
    int fd;
    IpcFrames input;
    Buffer output;
    char read_buffer[READ_SIZE];
};

// connect() that was interrupted goes on by itself: wait for how it ends.
static int finish_connect(int fd) {
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t size = sizeof error;

    while (poll(&poll_fd, 1, -1) < 0)
        if (errno != EINTR)
            return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

int ipc_client_connect(const char *path, IpcClient **ret) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    AUTO_IPC_CLIENT IpcClient *client = calloc(1, sizeof *client);
    if (!client)
        return -ENOMEM;
    client->input = IPC_FRAMES_NULL(REPLY_MAX);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return -errno;
    int r = connect(client->fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
    if (r == -EINTR)
        r = finish_connect(client->fd);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(client);
    return 0;
}

IpcClient *ipc_client_free(IpcClient *client) {
    if (!client)
        return NULL;
    client->fd = close_fd(client->fd);
    ipc_frames_deinit(&client->input);
    buffer_deinit(&client->output);
    free(client);
    return NULL;
}

int ipc_client_fd(const IpcClient *client) {
    return client->fd;
}

void ipc_reply_deinit(IpcReply *reply) {
    free(reply->error);
    json_decref(reply->parameters);
    *reply = IPC_REPLY_NULL;
}

// The server may close while it is written to; that it refused something can still be read then.
static int send_all(IpcClient *client) {
    while (buffer_size(&client->output) > 0) {
        ssize_t n = send(client->fd, buffer_bytes(&client->output), buffer_size(&client->output), MSG_NOSIGNAL);
        if (n >= 0)
            buffer_consume(&client->output, (size_t)n);
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int ipc_client_send(IpcClient *client, const char *method, json_t *parameters, IpcCallFlags flags) {
    AUTO_JSON json_t *owned = parameters;

    int r = ipc_message_print_call(&client->output, method, owned, flags & IPC_CALL_MORE, flags & IPC_CALL_ONEWAY);
    return r < 0 ? r : send_all(client);
}

// Reads once. The kernel tells the two ends apart: one that closes with bytes unread resets the connection.
static int receive_some(IpcClient *client) {
    ssize_t n = recv(client->fd, client->read_buffer, sizeof client->read_buffer, 0);

    if (n == 0)
        return buffer_size(&client->output) > 0 ? -ECONNABORTED : -ECONNRESET;
    if (n < 0)
        return errno == EINTR ? 0 : errno == ECONNRESET ? -ECONNABORTED : -errno;
    return ipc_frames_append(&client->input, client->read_buffer, (size_t)n);
}

static int read_reply(const char *text, size_t size, IpcReply *ret) {
    AUTO_JSON json_t *message = NULL;

    int r = ipc_json_parse(text, size, &message, NULL, 0);
    if (r < 0)
        return r;
    json_t *error = json_object_get(message, "error"), *parameters = json_object_get(message, "parameters");
    json_t *continues = json_object_get(message, "continues");
    if ((error && !json_is_string(error)) || (continues && !json_is_boolean(continues)) ||
        (parameters && !json_is_null(parameters) && !json_is_object(parameters)))
        return -EBADMSG;
    AUTO_IPC_REPLY IpcReply reply = {
        .error = error ? strdup(json_string_value(error)) : NULL,
        .parameters = json_is_object(parameters) ? json_incref(parameters) : json_object(),
        .continues = json_is_true(continues),
    };
    if (!reply.parameters || (error && !reply.error))
        return -ENOMEM;
    *ret = reply;
    reply = IPC_REPLY_NULL;
    return 0;
}

int ipc_client_receive(IpcClient *client, IpcReply *ret) {
    const char *text;
    size_t size;
    int r;

    ipc_reply_deinit(ret);
    while ((r = ipc_frames_next(&client->input, &text, &size)) == 0) {
        r = receive_some(client);
        if (r < 0)
            return r;
    }
    if (r == -EMSGSIZE)
        return -EBADMSG;
    return r < 0 ? r : read_reply(text, size, ret);
}

bool ipc_client_pending(const IpcClient *client) {
    return ipc_frames_pending((IpcFrames *)&client->input);
}

int ipc_client_call(IpcClient *client, const char *method, json_t *parameters, IpcReply *ret) {
    int r = ipc_client_send(client, method, parameters, 0);
    return r < 0 ? r : ipc_client_receive(client, ret);
}
