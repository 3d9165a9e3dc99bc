// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/agent/harness.h"

#include "agent/jobs.h"
#include "agent/methods.h"
#include "agent/output.h"
#include "base/cleanup.h"
#include "ipc/interfaces.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

Agent harness_agent;

static int on_server(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    (void)source;
    (void)fd;
    (void)events;
    (void)userdata;
    cr_assert_eq(ipc_server_dispatch(harness_agent.server), 0);
    return 0;
}

void harness_start(void) {
    const IpcServerConfig config = { .vendor = "", .product = "", .version = "", .url = "", IPC_SERVER_CONFIG_DEFAULT };
    Agent *agent = &harness_agent;
    const char *directory = scratch_make();

    cr_assert_eq(store_open(directory, &agent->store), 0);
    cr_assert_geq(sd_event_new(&agent->event), 0);
    cr_assert_eq(jobs_new(agent, &agent->jobs), 0);
    cr_assert_eq(followers_new(agent, &agent->followers), 0);
    cr_assert_eq(ipc_server_new(&config, &agent->server), 0);
    cr_assert_eq(ipc_server_add_interface(agent->server, ipc_interface_text_io_corral_jobs, agent_methods,
                                          n_agent_methods, agent),
                 0);
    cr_assert_geq(
        sd_event_add_io(agent->event, &agent->server_source, ipc_server_fd(agent->server), EPOLLIN, on_server, NULL),
        0);
    agent->output_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    agent->store_writable = true;
}

void harness_stop(void) {
    Agent *agent = &harness_agent;

    agent->server = ipc_server_free(agent->server);
    agent->jobs = jobs_free(agent->jobs);
    agent->followers = followers_free(agent->followers);
    agent->store = store_free(agent->store);
    sd_event_source_disable_unref(agent->server_source);
    sd_event_unref(agent->event);
    close_fd(agent->output_fd);
    scratch_remove();
}

void harness_turn(void) {
    Agent *agent = &harness_agent;
    int events = 0;

    while (events++ < 100 && sd_event_run(agent->event, 0) > 0)
        ;
    cr_assert_eq(store_commit(agent->store), 0);
    followers_notify(agent->followers);
    ipc_server_release(agent->server);
    agent->dirty_since = 0;
}

HarnessClient harness_connect(uid_t uid) {
    int fds[2];

    cr_assert_eq(seteuid(uid), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(ipc_server_add_connection(harness_agent.server, fds[0]), 0);
    return (HarnessClient){ .fd = fds[1], .input = BUFFER_NULL };
}

void harness_disconnect(HarnessClient *client) {
    client->fd = close_fd(client->fd);
    buffer_deinit(&client->input);
}

void harness_send(HarnessClient *client, const char *method, const char *parameters) {
    AUTO_FREE char *text = NULL;

    int length =
        asprintf(&text, "{\"method\":\"io.corral.Jobs.%s\",\"parameters\":%s,\"more\":true}", method, parameters);
    cr_assert_gt(length, 0);
    cr_assert_eq(send(client->fd, text, (size_t)length + 1, MSG_NOSIGNAL), length + 1);
}

// The next message among what was read; NULL when it is not whole yet.
static json_t *take_message(HarnessClient *client) {
    const uint8_t *begin = buffer_bytes(&client->input);
    size_t size = buffer_size(&client->input);
    const uint8_t *end = size > 0 ? memchr(begin, 0, size) : NULL;
    json_t *message;

    if (!end)
        return NULL;
    cr_assert_eq(ipc_json_parse((const char *)begin, (size_t)(end - begin), &message, NULL, 0), 0);
    buffer_consume(&client->input, (size_t)(end - begin) + 1);
    return message;
}

static void read_input(HarnessClient *client) {
    static char piece[65536];
    ssize_t n;

    while ((n = recv(client->fd, piece, sizeof piece, 0)) > 0)
        cr_assert_eq(buffer_append(&client->input, piece, (size_t)n), 0);
    cr_assert(n < 0 && errno == EAGAIN, "the server has closed the connection");
}

json_t *harness_receive(HarnessClient *client) {
    json_t *message;

    for (int turns = 0; !(message = take_message(client)); turns++) {
        cr_assert_lt(turns, 1000, "no answer");
        harness_turn();
        read_input(client);
    }
    return message;
}

bool harness_is_answered(HarnessClient *client) {
    for (int turns = 0; turns < 5; turns++)
        harness_turn();
    read_input(client);
    return buffer_size(&client->input) > 0;
}

const char *harness_list(HarnessClient *client, const char *method, const char *parameters, const char *row,
                         const char *field) {
    static char text[4096];
    bool continues = true;

    text[0] = '\0';
    harness_send(client, method, parameters);
    while (continues) {
        AUTO_JSON json_t *message = harness_receive(client);
        const json_t *reply = json_object_get(message, "parameters"), *value = json_object_get(reply, row);
        continues = json_is_true(json_object_get(message, "continues"));
        if (json_object_get(message, "error"))
            return strcpy(text, json_string_value(json_object_get(message, "error")));
        if (json_is_null(value))
            return strcpy(text, "none");
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", text[0] ? " " : "",
                       (int)json_integer_value(json_object_get(value, field)));
    }
    return text;
}
