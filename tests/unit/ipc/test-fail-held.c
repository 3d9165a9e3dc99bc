// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define FULL "org.example.test.StoreFull"
#define IS_FULL "{\"error\":\"" FULL "\",\"parameters\":{}}"
#define STREAM "{\"method\":\"org.example.test.Stream\",\"more\":true}"
#define PIECE(text) "{\"parameters\":{\"text\":\"" text "\"},\"continues\":true}"

static void tell(World *world, size_t call, const char *text) {
    cr_assert_eq(ipc_call_reply_more(world->calls[call], json_pack("{s:s}", "text", text)), 0);
}

Test(fail_held, each_held_reply_becomes_one_error) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int first = world_connect(&world), second = world_connect(&world);

    say(first, ECHO("kept"));
    world_settle(&world);
    say(first, ECHO("lost"));
    say(first, "{\"method\":\"org.example.test.Refuse\"}");
    say(first, "{\"method\":\"org.example.test.Count\",\"oneway\":true}");
    say(second, ECHO("lost"));
    world_turn(&world);
    ipc_server_fail_held(world.server, FULL, NULL);
    cr_assert(ipc_server_holds(world.server));
    expect(first, ECHOED("kept"));
    expect_nothing(first);
    world_settle(&world);
    expect(first, IS_FULL);
    expect(first, IS_FULL);
    expect_nothing(first);
    expect(second, IS_FULL);
    expect_nothing(second);
    say(first, ECHO("again"));
    world_settle(&world);
    expect(first, ECHOED("again"));
}

Test(fail_held, parameters_go_into_every_error) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, ECHO("1"));
    say(fd, ECHO("2"));
    world_turn(&world);
    ipc_server_fail_held(world.server, "org.example.test.Refused", json_pack("{s:s}", "reason", "full"));
    ipc_server_release(world.server);
    expect(fd, "{\"error\":\"org.example.test.Refused\",\"parameters\":{\"reason\":\"full\"}}");
    expect(fd, "{\"error\":\"org.example.test.Refused\",\"parameters\":{\"reason\":\"full\"}}");
    expect_nothing(fd);
}

Test(fail_held, twice_is_once) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, ECHO("1"));
    world_turn(&world);
    ipc_server_fail_held(world.server, FULL, NULL);
    say(fd, ECHO("2"));
    world_turn(&world);
    ipc_server_fail_held(world.server, FULL, NULL);
    world_settle(&world);
    expect(fd, IS_FULL);
    expect(fd, IS_FULL);
    expect_nothing(fd);
}

Test(fail_held, nothing_held_is_nothing_failed) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, "{\"method\":\"org.example.test.Later\"}");
    world_turn(&world);
    ipc_server_fail_held(world.server, FULL, json_object());
    world_settle(&world);
    expect_nothing(fd);
    cr_assert_eq(world.gone, 0);
    cr_assert_eq(world.n_calls, 1);
}

// A stream with a piece lost has a hole: it ends, its owner is told, and the calls behind it come.
Test(fail_held, ends_streams_that_lose_a_piece) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world), other = world_connect(&world);

    say(fd, STREAM);
    say(fd, ECHO("behind"));
    say(other, STREAM);
    world_turn(&world);
    tell(&world, 0, "kept");
    world_settle(&world);
    tell(&world, 0, "lost");
    tell(&world, 0, "lost too");
    ipc_server_fail_held(world.server, FULL, NULL);
    cr_assert_eq(world.gone, 1);
    cr_assert_eq(world.n_calls, 1);
    world_settle(&world);
    expect(fd, PIECE("kept"));
    expect(fd, IS_FULL);
    expect(fd, ECHOED("behind"));
    expect_nothing(fd);
    // The stream that had nothing held goes on.
    tell(&world, 0, "on");
    world_settle(&world);
    expect(other, PIECE("on"));
    cr_assert_eq(world.gone, 1);
}

Test(fail_held, a_stream_that_just_ended_is_told_once) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, STREAM);
    world_turn(&world);
    tell(&world, 0, "piece");
    world.n_calls = 0;
    cr_assert_eq(ipc_call_reply(world.calls[0], json_pack("{s:s}", "text", "end")), 0);
    ipc_server_fail_held(world.server, FULL, NULL);
    cr_assert_eq(world.gone, 0);
    world_settle(&world);
    expect(fd, IS_FULL);
    expect_nothing(fd);
}

// What was released before and has not left yet is none of its business.
Test(fail_held, leaves_the_backlog_alone) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);
    char call[60000], reply[60000];

    memset(call, 'x', sizeof call);
    memcpy(call, "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"", 56);
    memcpy(call + sizeof call - 4, "\"}}", 4);
    for (int i = 0; i < 10; i++) {
        say(fd, call);
        world_settle(&world);
    }
    say(fd, ECHO("lost"));
    world_turn(&world);
    cr_assert(ipc_server_holds(world.server));
    ipc_server_fail_held(world.server, FULL, NULL);
    ipc_server_release(world.server);
    for (size_t left = 10 * (sizeof call - strlen("\"method\":\"org.example.test.Echo\",")); left > 0;) {
        ssize_t n = read(fd, reply, left < sizeof reply ? left : sizeof reply);
        cr_assert_gt(n, 0);
        left -= (size_t)n;
        world_settle(&world);
    }
    expect(fd, IS_FULL);
    expect_nothing(fd);
}
