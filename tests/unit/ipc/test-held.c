// SPDX-License-Identifier: LGPL-2.1-or-later
// Held replies: nothing leaves before its release, and all of it at once.
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LATER "{\"method\":\"org.example.test.Later\"}"
#define LATER_IS(id) "{\"parameters\":{\"id\":" id "}}"

static void answer_later(World *world, int id) {
    IpcCall *call = world->calls[0];

    cr_assert_gt(world->n_calls, 0);
    memmove(world->calls, world->calls + 1, --world->n_calls * sizeof *world->calls);
    cr_assert_eq(ipc_call_reply(call, json_pack("{s:i}", "id", id)), 0);
}

// On a socket of packets, each send(2) shows.
Test(held, a_hundred_calls_are_handled_in_one_turn_and_answered_with_one_send) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect_kind(&world, SOCK_SEQPACKET);
    char calls[16384], replies[16384], expected[16384];
    size_t calls_size = 0, expected_size = 0;

    for (int i = 0; i < 100; i++) {
        calls_size += (size_t)sprintf(calls + calls_size, ECHO("%d"), i) + 1;
        expected_size += (size_t)sprintf(expected + expected_size, ECHOED("%d"), i) + 1;
    }
    say_bytes(fd, calls, calls_size);
    cr_assert_eq(ipc_server_dispatch(world.server), 0);
    cr_assert_eq(world.handled, 100);
    cr_assert(ipc_server_holds(world.server));
    expect_nothing(fd);
    world_turn(&world);
    expect_nothing(fd);
    ipc_server_release(world.server);
    cr_assert_not(ipc_server_holds(world.server));
    cr_assert_eq(recv(fd, replies, sizeof replies, MSG_DONTWAIT), (ssize_t)expected_size);
    cr_assert_arr_eq(replies, expected, expected_size);
    expect_nothing(fd);
}

Test(held, releasing_nothing_does_nothing) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    cr_assert_not(ipc_server_holds(world.server));
    ipc_server_release(world.server);
    say(fd, "{\"method\":\"org.example.test.Count\",\"oneway\":true}");
    world_turn(&world);
    cr_assert_eq(world.handled, 1);
    cr_assert_not(ipc_server_holds(world.server));
}

Test(held, calls_behind_a_pending_one_wait_for_it) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, ECHO("before"));
    say(fd, LATER);
    say(fd, ECHO("after"));
    say(fd, LATER);
    say(fd, ECHO("last"));
    world_settle(&world);
    expect(fd, ECHOED("before"));
    expect_nothing(fd);
    cr_assert_eq(world.handled, 2);

    answer_later(&world, 1);
    cr_assert_eq(world.handled, 2, "handlers are called by dispatch alone");
    world_turn(&world);
    expect_nothing(fd);
    cr_assert_eq(world.handled, 4);
    world_settle(&world);
    expect(fd, LATER_IS("1"));
    expect(fd, ECHOED("after"));
    expect_nothing(fd);

    answer_later(&world, 2);
    ipc_server_release(world.server);
    expect(fd, LATER_IS("2"));
    world_settle(&world);
    expect(fd, ECHOED("last"));
}

// The next call comes only after the reply: no event of epoll reminds the server unless it asks for input again.
Test(held, a_connection_listens_again_after_a_pending_call) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    for (int i = 0; i < 3; i++) {
        say(fd, LATER);
        world_settle(&world);
        answer_later(&world, 7);
        world_settle(&world);
        expect(fd, LATER_IS("7"));
    }
}

Test(held, connections_do_not_wait_for_each_other) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int slow = world_connect(&world), fast = world_connect(&world);

    say(slow, LATER);
    say(slow, ECHO("slow"));
    say(fast, ECHO("fast"));
    world_settle(&world);
    expect_nothing(slow);
    expect(fast, ECHOED("fast"));
    answer_later(&world, 1);
    world_settle(&world);
    expect(slow, LATER_IS("1"));
    expect(slow, ECHOED("slow"));
}

Test(held, replies_of_clients_that_went_are_not_held) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fd = world_connect(&world);

    say(fd, ECHO("x"));
    world_turn(&world);
    cr_assert(ipc_server_holds(world.server));
    close(fd);
    world_turn(&world);
    cr_assert_not(ipc_server_holds(world.server));
    cr_assert_eq(ipc_server_connections(world.server), 0);
    ipc_server_release(world.server);
}

Test(held, a_client_that_went_is_noticed_by_the_release) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int fd = world_connect(&world);

    say(fd, ECHO("x"));
    say(fd, LATER);
    world_turn(&world);
    close(fd);
    ipc_server_release(world.server);
    cr_assert_eq(world.gone, 0, "the owner hears of it when it dispatches");
    world_turn(&world);
    cr_assert_eq(world.gone, 1);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}
