// SPDX-License-Identifier: LGPL-2.1-or-later
// Bytes in pieces, messages beyond all measure, and fairness.
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TOO_LARGE "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"message\"}}"

static const IpcServerConfig small = {
    .vendor = "",
    .product = "",
    .version = "",
    .url = "",
    .message_max = 1000,
    .backlog_max = 100000,
    .connections_max = 16,
    .connections_per_uid_max = 16,
};

Test(server, takes_calls_byte_by_byte) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);
    static const char calls[] = ECHO("1") "\0" ECHO("2");

    for (size_t i = 0; i < sizeof calls; i++) {
        say_bytes(fd, calls + i, 1);
        world_settle(&world);
    }
    expect(fd, ECHOED("1"));
    expect(fd, ECHOED("2"));
    expect_nothing(fd);
}

static void expect_too_large(const char *bytes, size_t size) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, ECHO("before"));
    say_bytes(fd, bytes, size);
    world_turn(&world);
    cr_assert_eq(ipc_server_connections(world.server), 1, "what is held is still to be sent");
    world_settle(&world);
    expect(fd, ECHOED("before"));
    expect(fd, TOO_LARGE);
    expect_end(fd);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}

Test(server, refuses_messages_that_are_too_large) {
    char bytes[3000];

    memset(bytes, ' ', sizeof bytes);
    expect_too_large(bytes, 1001);
    expect_too_large(bytes, sizeof bytes);
    bytes[1001] = '\0';
    expect_too_large(bytes, 1002);
    expect_too_large(bytes, sizeof bytes);
}

Test(server, takes_messages_of_the_largest_size) {
    AUTO_WORLD World world;
    world_init(&world, &small);
    AUTO_CLOSE int fd = world_connect(&world);
    char message[1001];

    memset(message, ' ', 1000);
    memcpy(message, ECHO("x"), strlen(ECHO("x")));
    message[1000] = '\0';
    say_bytes(fd, message, 1001);
    world_settle(&world);
    expect(fd, ECHOED("x"));
}

Test(server, takes_large_messages_over_several_turns) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);
    AUTO_FREE char *message = malloc(1024 * 1024);
    size_t size = 1000000, sent = 0;

    memset(message, ' ', size);
    memcpy(message, ECHO("x"), strlen(ECHO("x")));
    message[size - 1] = '\0';
    while (sent < size) {
        ssize_t n = send(fd, message + sent, size - sent, MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        world_settle(&world);
    }
    expect(fd, ECHOED("x"));
}

Test(server, a_busy_client_does_not_starve_the_others) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int busy = world_connect(&world), other = world_connect(&world);
    static const char call[] = "{\"method\":\"org.example.test.Count\",\"oneway\":true}";

    AUTO_FREE char *calls = malloc(2000 * sizeof call);

    for (size_t i = 0; i < 2000; i++)
        memcpy(calls + i * sizeof call, call, sizeof call);
    say_bytes(busy, calls, 2000 * sizeof call);
    say(other, ECHO("me too"));
    cr_assert_eq(ipc_server_dispatch(world.server), 0);
    ipc_server_release(world.server);
    expect(other, ECHOED("me too"));
    cr_assert_lt(world.handled, 1000);
    world_settle(&world);
    cr_assert_eq(world.handled, 2001);
}

Test(server, many_clients_at_once) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fds[120];

    for (size_t i = 0; i < 120; i++) {
        fds[i] = world_connect(&world);
        for (int call = 0; call < 20; call++)
            say(fds[i], ECHO("x"));
    }
    cr_assert_eq(ipc_server_connections(world.server), 120);
    world_settle(&world);
    for (size_t i = 0; i < 120; i++) {
        for (int call = 0; call < 20; call++)
            expect(fds[i], ECHOED("x"));
        close(fds[i]);
    }
    world_settle(&world);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}

Test(server, an_idle_server_has_nothing_to_say) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    world_turn(&world);
    cr_assert_eq(ipc_server_dispatch(world.server), 0);
    world_turn(&world);
    say(fd, ECHO("x"));
    world_turn(&world); // asserts that it ends, with the reply held
    cr_assert(ipc_server_holds(world.server));
    shutdown(fd, SHUT_WR);
    world_turn(&world);
    world_settle(&world);
    expect(fd, ECHOED("x"));
    expect_end(fd);
}

Test(server, freeing_nothing_is_fine) {
    cr_assert_null(ipc_server_free(NULL));
}
