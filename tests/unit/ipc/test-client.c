// SPDX-License-Identifier: LGPL-2.1-or-later
// The client against the real server, in another process, and against servers that talk nonsense.
#include "ipc/client.h"

#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char directory[] = "/tmp/corral-test-client-XXXXXX";
static char path[64];
static int listener = -1;

static void setup(void) {
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    cr_assert_eq(ipc_listen_unix(path, 0600, &listener), 0);
}

static void teardown(void) {
    listener = close_fd(listener);
    (void)unlink(path);
    (void)rmdir(directory);
}

TestSuite(client, .init = setup, .fini = teardown);

// ---- the real server ----

// Serves until its parent closes the pipe.
__attribute__((noreturn)) static void serve(int until_fd) {
    World world;

    world_init(&world, NULL);
    world.fill = true;
    world.filled = 9990; // ten pieces are left
    cr_assert_eq(ipc_server_listen(world.server, listener), 0);
    for (;;) {
        struct pollfd fds[] = { { .fd = ipc_server_fd(world.server), .events = POLLIN },
                                { .fd = until_fd, .events = POLLIN } };
        (void)poll(fds, 2, -1);
        if (fds[1].revents)
            break;
        (void)ipc_server_dispatch(world.server);
        ipc_server_release(world.server);
    }
    world_deinit(&world);
    _exit(0);
}

typedef struct Server {
    pid_t pid;
    int until_fd;
} Server;

static Server server_start(void) {
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[1]);
        serve(fds[0]);
    }
    close(fds[0]);
    return (Server){ pid, fds[1] };
}

static void server_stop(Server *server) {
    int status;

    close(server->until_fd);
    cr_assert_eq(waitpid(server->pid, &status, 0), server->pid);
    cr_assert_eq(status, 0);
}
#define AUTO_SERVER __attribute__((unused)) CLEANUP(server_stop)

Test(client, calls) {
    AUTO_SERVER Server server = server_start();
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    cr_assert_eq(ipc_client_connect(path, &client), 0);
    cr_assert_geq(ipc_client_fd(client), 0);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(ipc_client_call(client, "org.example.test.Echo", json_pack("{s:i}", "text", i), &reply), 0);
        cr_assert_str_eq(reply.error, "org.varlink.service.InvalidParameter");
        cr_assert_eq(ipc_client_call(client, "org.example.test.Echo", json_pack("{s:s}", "text", "\xc3\xa4"), &reply),
                     0);
        cr_assert_null(reply.error);
        cr_assert_not(reply.continues);
        cr_assert_str_eq(json_string_value(json_object_get(reply.parameters, "text")), "\xc3\xa4");
    }
    cr_assert_eq(ipc_client_call(client, "org.example.test.Count", NULL, &reply), 0);
    cr_assert_eq(json_object_size(reply.parameters), 0);
    cr_assert_eq(ipc_client_call(client, "org.example.test.Refuse", NULL, &reply), 0);
    cr_assert_str_eq(reply.error, "org.example.test.Refused");
    cr_assert_str_eq(json_string_value(json_object_get(reply.parameters, "reason")), "no");
}

Test(client, streams_pipelines_and_oneway) {
    AUTO_SERVER Server server = server_start();
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    cr_assert_eq(ipc_client_connect(path, &client), 0);
    cr_assert_eq(ipc_client_send(client, "org.example.test.Count", NULL, IPC_CALL_ONEWAY), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(ipc_client_send(client, "org.example.test.Count", NULL, 0), 0);
    cr_assert_eq(ipc_client_send(client, "org.example.test.Stream", NULL, IPC_CALL_MORE), 0);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(ipc_client_receive(client, &reply), 0);
        cr_assert_not(reply.continues);
    }
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(ipc_client_receive(client, &reply), 0);
        cr_assert_null(reply.error);
        cr_assert(reply.continues);
    }
    cr_assert_not(ipc_client_pending(client));
}

Test(client, large_messages) {
    AUTO_SERVER Server server = server_start();
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    AUTO_FREE char *text = calloc(1, 900001);

    memset(text, 'x', 900000);
    cr_assert_eq(ipc_client_connect(path, &client), 0);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(ipc_client_call(client, "org.example.test.Echo", json_pack("{s:s}", "text", text), &reply), 0);
        cr_assert_str_eq(json_string_value(json_object_get(reply.parameters, "text")), text);
    }
}

Test(client, a_message_beyond_the_limit_is_refused) {
    AUTO_SERVER Server server = server_start();
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    AUTO_FREE char *text = calloc(1, 4000001);

    memset(text, 'x', 4000000);
    cr_assert_eq(ipc_client_connect(path, &client), 0);
    int r = ipc_client_call(client, "org.example.test.Echo", json_pack("{s:s}", "text", text), &reply);
    cr_assert(r == 0 || r == -EPIPE || r == -ECONNRESET, "%d", r);
    if (r < 0)
        cr_assert_eq(ipc_client_receive(client, &reply), 0);
    cr_assert_str_eq(reply.error, "org.varlink.service.InvalidParameter");
    cr_assert_eq(ipc_client_receive(client, &reply), -ECONNABORTED);
}

// ---- a server that says what it is told to ----

static int receive_from(const char *bytes, size_t size, IpcReply *ret) {
    AUTO_IPC_CLIENT IpcClient *client = NULL;

    cr_assert_eq(ipc_client_connect(path, &client), 0);
    int fd = accept(listener, NULL, NULL);
    cr_assert_geq(fd, 0);
    cr_assert_eq(send(fd, bytes, size, 0), (ssize_t)size);
    close(fd);
    return ipc_client_receive(client, ret);
}
#define RECEIVE(literal, ret) receive_from(literal, sizeof(literal), ret)

Test(client, understands_replies) {
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    cr_assert_eq(RECEIVE("{}", &reply), 0);
    cr_assert_eq(json_object_size(reply.parameters), 0);
    cr_assert_eq(RECEIVE("{\"parameters\":null,\"continues\":true}", &reply), 0);
    cr_assert(reply.continues);
    cr_assert_eq(RECEIVE("{\"error\":\"a.b.C\"}", &reply), 0);
    cr_assert_str_eq(reply.error, "a.b.C");
}

Test(client, refuses_nonsense) {
    static const char *const texts[] = {
        "", "x", "[]", "{\"error\":1}", "{\"error\":null}", "{\"parameters\":[]}", "{\"continues\":1}",
    };
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(receive_from(texts[i], strlen(texts[i]) + 1, &reply), -EBADMSG, "%s", texts[i]);
        cr_assert_null(reply.error);
        cr_assert_null(reply.parameters);
    }
}

Test(client, notices_the_end) {
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    cr_assert_eq(receive_from("", 0, &reply), -ECONNRESET);
    cr_assert_eq(receive_from("{\"parameters\":{}", 15, &reply), -ECONNRESET);
}

// A server that ends without reading what was sent, or before it can be sent, has not done it.
Test(client, knows_that_its_call_was_not_taken) {
    for (int early = 0; early <= 1; early++) {
        AUTO_IPC_CLIENT IpcClient *client = NULL;
        AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

        cr_assert_eq(ipc_client_connect(path, &client), 0);
        int fd = accept(listener, NULL, NULL);
        if (early)
            close(fd);
        cr_assert_eq(ipc_client_send(client, "org.example.test.Echo", NULL, 0), early ? -EPIPE : 0);
        if (!early)
            close(fd);
        cr_assert_eq(ipc_client_receive(client, &reply), -ECONNABORTED);
    }
}

Test(client, knows_what_it_has) {
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    cr_assert_eq(ipc_client_connect(path, &client), 0);
    AUTO_CLOSE int fd = accept(listener, NULL, NULL);
    cr_assert_not(ipc_client_pending(client));
    cr_assert_eq(send(fd, "{}\0{}\0{", 7, 0), 7);
    cr_assert_eq(ipc_client_receive(client, &reply), 0);
    cr_assert(ipc_client_pending(client));
    cr_assert_eq(ipc_client_receive(client, &reply), 0);
    cr_assert_not(ipc_client_pending(client));
}

Test(client, nobody_there) {
    IpcClient *client;
    char longer[200];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cr_assert_eq(ipc_client_connect("/nowhere/at/all", &client), -ENOENT);
    cr_assert_eq(ipc_client_connect(longer, &client), -ENAMETOOLONG);
    listener = close_fd(listener);
    cr_assert_eq(ipc_client_connect(path, &client), -ECONNREFUSED);
    cr_assert_null(ipc_client_free(NULL));
}
