// SPDX-License-Identifier: LGPL-2.1-or-later
// From messages to handlers, and every standard error on the way.
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

#define INVALID(parameter)                                                                                             \
    "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"" parameter "\"}}"
#define TEST_CALL(method, rest) "{\"method\":\"org.example.test." method "\"" rest "}"

// What is said, and what is answered.
static void expect_answer(const char *call, const char *answer) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, call);
    world_settle(&world);
    expect(fd, answer);
    expect_nothing(fd);
    say(fd, ECHO("alive"));
    world_settle(&world);
    expect(fd, ECHOED("alive"));
}

Test(routing, calls_and_replies) {
    expect_answer(ECHO("hello"), ECHOED("hello"));
    expect_answer(TEST_CALL("Refuse", ""),
                  "{\"error\":\"org.example.test.Refused\",\"parameters\":{\"reason\":\"no\"}}");
}

Test(routing, absent_null_and_empty_parameters_are_alike) {
    expect_answer(TEST_CALL("Count", ""), "{\"parameters\":{}}");
    expect_answer(TEST_CALL("Count", ",\"parameters\":null"), "{\"parameters\":{}}");
    expect_answer(TEST_CALL("Count", ",\"parameters\":{}"), "{\"parameters\":{}}");
}

Test(routing, flags_may_be_null_and_more_may_be_useless) {
    expect_answer(TEST_CALL("Count", ",\"more\":null,\"oneway\":null,\"upgrade\":null"), "{\"parameters\":{}}");
    expect_answer(TEST_CALL("Count", ",\"more\":true"), "{\"parameters\":{}}");
    expect_answer(TEST_CALL("Count", ",\"more\":false,\"oneway\":false,\"upgrade\":false"), "{\"parameters\":{}}");
}

Test(routing, unknown_keys) {
    expect_answer(TEST_CALL("Count", ",\"org.example.trace\":{\"id\":1}"), "{\"parameters\":{}}");
    expect_answer(TEST_CALL("Count", ",\"trace\":1"), INVALID("trace"));
}

Test(routing, what_is_no_call) {
    expect_answer("{}", INVALID("method"));
    expect_answer("{\"parameters\":{}}", INVALID("method"));
    expect_answer("{\"method\":7}", INVALID("method"));
    expect_answer("{\"method\":\"Echo\"}", INVALID("method"));
    expect_answer("{\"method\":\"\"}", INVALID("method"));
    expect_answer(TEST_CALL("Count", ",\"parameters\":[]"), INVALID("parameters"));
    expect_answer(TEST_CALL("Count", ",\"more\":1"), INVALID("more"));
}

Test(routing, unknown_interfaces_and_methods) {
    expect_answer(
        "{\"method\":\"org.example.other.Echo\"}",
        "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"org.example.other\"}}");
    expect_answer("{\"method\":\".Echo\"}",
                  "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"\"}}");
    expect_answer(
        "{\"method\":\"org.example.test.Ech\"}",
        "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.example.test.Ech\"}}");
    expect_answer(
        "{\"method\":\"org.example.test.\"}",
        "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.example.test.\"}}");
    expect_answer(
        "{\"method\":\"org.example.tes.Echo\"}",
        "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"org.example.tes\"}}");
}

Test(routing, upgrade_is_not_implemented) {
    expect_answer(TEST_CALL("Count", ",\"upgrade\":true"), "{\"error\":\"org.varlink.service.MethodNotImplemented\","
                                                           "\"parameters\":{\"method\":\"org.example.test.Count\"}}");
}

Test(routing, parameters_are_checked) {
    expect_answer(TEST_CALL("Echo", ""), INVALID("text"));
    expect_answer(TEST_CALL("Echo", ",\"parameters\":{\"text\":1}"), INVALID("text"));
    expect_answer(TEST_CALL("Echo", ",\"parameters\":{\"text\":\"\",\"more\":1}"), INVALID("more"));
    expect_answer(TEST_CALL("Check",
                            ",\"parameters\":{\"thing\":{\"name\":\"a\",\"parts\":[{\"name\":\"b\"},{\"name\":\"c\","
                            "\"colour\":\"blue\"}]}}"),
                  INVALID("thing.parts[1].colour"));
    expect_answer(TEST_CALL("Check", ",\"parameters\":{\"thing\":{\"name\":\"a\",\"colour\":\"red\"}}"),
                  "{\"parameters\":{}}");
}

Test(routing, streams_need_more) {
    expect_answer(TEST_CALL("Stream", ""), "{\"error\":\"org.example.test.ExpectedMore\",\"parameters\":{}}");
    expect_answer("{\"method\":\"org.example.bare.Stream\"}",
                  "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
}

Test(routing, a_failing_handler_is_an_internal_error) {
    expect_answer(TEST_CALL("Fail", ""),
                  "{\"error\":\"org.example.test.InternalError\",\"parameters\":{\"reason\":\"Input/output error\"}}");
}

Test(routing, a_failing_handler_without_such_an_error_hangs_up) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, "{\"method\":\"org.example.bare.Fail\"}");
    world_settle(&world);
    expect_end(fd);
    cr_assert_eq(ipc_server_connections(world.server), 0);
}

Test(routing, oneway_calls_get_no_answer_not_even_an_error) {
    static const char *const calls[] = {
        TEST_CALL("Count", ",\"oneway\":true"),
        TEST_CALL("Refuse", ",\"oneway\":true"),
        TEST_CALL("Fail", ",\"oneway\":true"),
        TEST_CALL("Stream", ",\"oneway\":true"),
        TEST_CALL("Echo", ",\"oneway\":true"),
        TEST_CALL("Echo", ",\"oneway\":true,\"bad\":1"),
        TEST_CALL("Count", ",\"oneway\":true,\"more\":true"),
        TEST_CALL("Count", ",\"oneway\":true,\"upgrade\":true"),
        "{\"method\":\"org.example.none.Count\",\"oneway\":true}",
        "{\"oneway\":true}",
    };
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        say(fd, calls[i]);
    say(fd, ECHO("last"));
    world_settle(&world);
    cr_assert_eq(world.handled, 2);
    expect(fd, ECHOED("last"));
    expect_nothing(fd);
}

// NUL bytes between calls are empty messages, and those are no JSON.
Test(routing, what_is_no_json_ends_the_connection) {
    static const char *const texts[] = { "", "x", "[]", "{", "\"text\"", "{\"a\":1,\"a\":2}", "{} {}" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        AUTO_WORLD World world;
        world_init(&world, NULL);
        AUTO_CLOSE int fd = world_connect(&world);
        say(fd, ECHO("before"));
        say(fd, texts[i]);
        say(fd, ECHO("after"));
        world_settle(&world);
        expect(fd, ECHOED("before"));
        expect_end(fd);
        cr_assert_eq(world.handled, 1);
        cr_assert_eq(ipc_server_connections(world.server), 0);
    }
}

#ifdef CORRAL_CHECK_REPLIES
Test(routing, a_reply_against_the_interface_aborts, .signal = SIGABRT) {
    expect_answer(TEST_CALL("Lie", ""), "never");
}

Test(routing, an_unknown_error_aborts, .signal = SIGABRT) {
    AUTO_WORLD World world;
    world_init(&world, NULL);

    ipc_server_fail_held(world.server, "org.example.test.Unknown", NULL);
}
#endif

// ---- adding interfaces ----

static int never(IpcCall *call, const json_t *parameters, void *userdata) {
    (void)call;
    (void)parameters;
    (void)userdata;
    return 0;
}

Test(routing, handlers_and_methods_must_agree) {
    static const char text[] = "interface a.b\nmethod A() -> ()\nmethod B() -> ()";
    static const IpcMethod a[] = { { "A", never, false } };
    static const IpcMethod abc[] = { { "A", never, false }, { "B", never, false }, { "C", never, false } };
    static const IpcMethod aab[] = { { "A", never, false }, { "A", never, false }, { "B", never, false } };
    AUTO_WORLD World world;
    world_init(&world, NULL);

    cr_assert_eq(ipc_server_add_interface(world.server, text, a, 1, NULL), -EINVAL);
    cr_assert_eq(ipc_server_add_interface(world.server, text, abc, 3, NULL), -EINVAL);
    cr_assert_eq(ipc_server_add_interface(world.server, text, aab, 3, NULL), -EINVAL);
    cr_assert_eq(ipc_server_add_interface(world.server, text, NULL, 0, NULL), -EINVAL);
    cr_assert_eq(ipc_server_add_interface(world.server, "interface a", abc, 2, NULL), -EBADMSG);
    cr_assert_eq(ipc_server_add_interface(world.server, text, abc, 2, NULL), 0);
    cr_assert_eq(ipc_server_add_interface(world.server, text, abc, 2, NULL), -EEXIST);
}
