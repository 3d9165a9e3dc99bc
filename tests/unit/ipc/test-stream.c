// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls with many replies, clients that read slowly, and clients that go.
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#define STREAM "{\"method\":\"org.example.test.Stream\",\"more\":true}"
#define PIECE(text) "{\"parameters\":{\"text\":\"" text "\"},\"continues\":true}"
#define LATER "{\"method\":\"org.example.test.Later\"}"

static const IpcServerConfig small = {
    .vendor = "",
    .product = "",
    .version = "",
    .url = "",
    .message_max = 65536,
    .backlog_max = 65536,
    .connections_max = 16,
    .connections_per_uid_max = 16,
};

Test(stream, pieces_and_an_end) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, STREAM);
    say(fd, ECHO("behind"));
    world_turn(&world);
    IpcCall *call = world.calls[0];
    cr_assert(ipc_call_more(call));
    cr_assert_not(ipc_call_oneway(call));
    cr_assert_eq(ipc_call_reply_more(call, json_pack("{s:s}", "text", "1")), 0);
    world_settle(&world);
    expect(fd, PIECE("1"));
    cr_assert_eq(ipc_call_reply_more(call, json_pack("{s:s}", "text", "2")), 0);
    world.n_calls = 0;
    cr_assert_eq(ipc_call_reply(call, json_pack("{s:s}", "text", "3")), 0);
    world_settle(&world);
    expect(fd, PIECE("2"));
    expect(fd, ECHOED("3"));
    expect(fd, ECHOED("behind"));
    cr_assert_eq(world.gone, 0);
}

Test(stream, an_error_ends_it) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, STREAM);
    world_turn(&world);
    world.n_calls = 0;
    cr_assert_eq(ipc_call_error(world.calls[0], "org.example.test.StoreFull", NULL), 0);
    world_settle(&world);
    expect(fd, "{\"error\":\"org.example.test.StoreFull\",\"parameters\":{}}");
}

Test(stream, the_owner_hears_once_that_the_client_went) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fd = world_connect(&world);

    say(fd, STREAM);
    world_turn(&world);
    close(fd);
    world_turn(&world);
    cr_assert_eq(world.gone, 1);
    cr_assert_eq(world.n_calls, 0);
    cr_assert_eq(ipc_server_connections(world.server), 0);
    world.server = ipc_server_free(world.server);
    cr_assert_eq(world.gone, 1);
}

Test(stream, the_owner_hears_that_the_server_goes) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world), other = world_connect(&world);

    say(fd, STREAM);
    say(other, LATER);
    world_turn(&world);
    world.server = ipc_server_free(world.server);
    cr_assert_eq(world.gone, 2);
    expect_end(fd);
}

Test(stream, telling_a_client_that_went_does_no_harm) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fd = world_connect(&world);

    say(fd, STREAM);
    world_turn(&world);
    close(fd);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(ipc_call_reply_more(world.calls[0], json_pack("{s:s}", "text", "x")), 0);
        ipc_server_release(world.server);
    }
    cr_assert_eq(world.gone, 0);
    world_turn(&world);
    cr_assert_eq(world.gone, 1);
}

// Reads everything that comes, and returns how many messages it was.
static int drain(World *world, int fd) {
    char buffer[16384];
    int messages = 0;
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            messages += buffer[i] == '\0';
        world_settle(world);
    }
    return messages;
}

Test(stream, pauses_while_the_client_does_not_read) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    AUTO_CLOSE int fd = world_connect(&world);

    world.fill = true;
    say(fd, STREAM);
    world_settle(&world);
    int filled = world.filled;
    cr_assert_gt(filled, 60);
    // What the socket takes, and the backlog: no more.
    cr_assert_lt(filled, 1000);
    cr_assert(ipc_call_congested(world.calls[0]));
    world_settle(&world);
    cr_assert_eq(world.filled, filled);
    world.fill = false;
    int drained = world.drained;
    cr_assert_eq(drain(&world, fd), filled);
    cr_assert_eq(world.drained, drained + 1);
    cr_assert_not(ipc_call_congested(world.calls[0]));
}

Test(stream, all_of_it_arrives) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    AUTO_CLOSE int fd = world_connect(&world);

    world.fill = true;
    say(fd, STREAM);
    world_settle(&world);
    cr_assert_eq(drain(&world, fd), 10000);
    cr_assert_gt(world.drained, 10);
}

Test(stream, may_end_when_it_is_drained) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    AUTO_CLOSE int fd = world_connect(&world);

    world.fill = true;
    world.end_when_drained = true;
    say(fd, STREAM);
    say(fd, ECHO("behind"));
    world_settle(&world);
    cr_assert_eq(drain(&world, fd), world.filled + 2);
    cr_assert_eq(world.n_calls, 0);
}

Test(stream, a_client_that_does_not_read_and_goes_is_gone) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    int fd = world_connect(&world);

    world.fill = true;
    say(fd, STREAM);
    world_settle(&world);
    close(fd);
    world_turn(&world);
    cr_assert_eq(world.gone, 1);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}

// A client that calls and calls and never reads: its calls wait in the socket, and the memory of the server is bounded.
Test(stream, calls_are_not_taken_from_a_client_that_does_not_read) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    AUTO_CLOSE int fd = world_connect(&world), other = world_connect(&world);
    char call[5000];
    int sent = 0;

    memset(call, 'x', sizeof call);
    memcpy(call, "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"", 56);
    memcpy(call + sizeof call - 4, "\"}}", 4);
    for (;; sent++) {
        ssize_t n = send(fd, call, sizeof call, MSG_DONTWAIT);
        if (n < 0)
            break;
        cr_assert_eq(n, (ssize_t)sizeof call);
        world_settle(&world);
    }
    cr_assert_lt(world.handled, sent);
    cr_assert_gt(world.handled, 10);
    say(other, ECHO("unharmed"));
    world_settle(&world);
    expect(other, ECHOED("unharmed"));
    cr_assert_eq(drain(&world, fd), sent);
    cr_assert_eq(world.handled, sent + 1);
}

// ---- clients that go ----

Test(stream, what_was_sent_before_going_is_handled) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fd = world_connect(&world);

    say(fd, ECHO("1"));
    say(fd, LATER);
    say(fd, "{\"method\":\"org.example.test.Count\",\"oneway\":true}");
    close(fd);
    world_settle(&world);
    cr_assert_eq(world.handled, 3);
    cr_assert_eq(world.gone, 1);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}

Test(stream, a_oneway_call_outlives_its_client) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fd = world_connect(&world);

    say(fd, "{\"method\":\"org.example.test.Later\",\"oneway\":true}");
    say(fd, ECHO("behind"));
    close(fd);
    world_settle(&world);
    cr_assert_eq(world.n_calls, 1);
    cr_assert(ipc_call_oneway(world.calls[0]));
    cr_assert_eq(world.handled, 1);
    world.n_calls = 0;
    cr_assert_eq(ipc_call_reply(world.calls[0], json_pack("{s:i}", "id", 1)), 0);
    world_settle(&world);
    cr_assert_eq(world.handled, 2);
    cr_assert_eq(world.gone, 0);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}

Test(stream, a_client_that_only_stops_sending_gets_its_replies) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, ECHO("1"));
    say(fd, LATER);
    say(fd, ECHO("3"));
    say_bytes(fd, "{\"method\":\"org.exam", 20);
    shutdown(fd, SHUT_WR);
    world_settle(&world);
    expect(fd, ECHOED("1"));
    expect_nothing(fd);
    world.n_calls = 0;
    cr_assert_eq(ipc_call_reply(world.calls[0], json_pack("{s:i}", "id", 2)), 0);
    world_settle(&world);
    expect(fd, "{\"parameters\":{\"id\":2}}");
    expect(fd, ECHOED("3"));
    expect_end(fd);
    cr_assert_eq(ipc_server_connections(world.server), 0);
    cr_assert_eq(world.gone, 0);
}

Test(stream, a_client_that_only_stops_reading_is_lost) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    shutdown(fd, SHUT_RD);
    say(fd, ECHO("1"));
    say(fd, LATER);
    world_settle(&world);
    cr_assert_eq(world.handled, 2);
    cr_assert_eq(world.gone, 1);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}
