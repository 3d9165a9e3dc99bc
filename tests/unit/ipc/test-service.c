// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/interfaces.h"
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define AUTO_FRAMES CLEANUP(ipc_frames_deinit)

Test(service, info) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
    world_settle(&world);
    expect(fd, "{\"parameters\":{\"vendor\":\"Example\",\"product\":\"Test\",\"version\":\"1\",\"url\":\"https://"
               "example.org\","
               "\"interfaces\":[\"org.varlink.service\",\"org.example.test\",\"org.example.bare\"]}}");
}

// The description that the service gives of an interface.
static void expect_description(World *world, int fd, const char *interface, const char *text) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(1 << 20);
    AUTO_JSON json_t *reply = NULL;
    char call[200], buffer[65536];
    const char *message;
    size_t size;

    snprintf(call, sizeof call,
             "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"%s\"}}",
             interface);
    say(fd, call);
    world_settle(world);
    ssize_t n = read(fd, buffer, sizeof buffer);
    cr_assert_gt(n, 0);
    cr_assert_eq(ipc_frames_append(&frames, buffer, (size_t)n), 0);
    cr_assert_eq(ipc_frames_next(&frames, &message, &size), 1);
    cr_assert_eq(ipc_json_parse(message, size, &reply, NULL, 0), 0);
    const json_t *description = json_object_get(json_object_get(reply, "parameters"), "description");
    cr_assert_str_eq(json_string_value(description), text);
}

Test(service, descriptions_are_the_texts) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    expect_description(&world, fd, "org.varlink.service", ipc_interface_text_org_varlink_service);
    expect_description(&world, fd, "org.example.test", world_interface);
    expect_description(&world, fd, "org.example.bare", world_bare_interface);
}

Test(service, no_description) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    AUTO_CLOSE int fd = world_connect(&world);

    say(fd,
        "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"org.example\"}}");
    say(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
    say(fd, "{\"method\":\"org.varlink.service.GetNothing\"}");
    world_settle(&world);
    expect(fd, "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"org.example\"}}");
    expect(fd, "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"interface\"}}");
    expect(fd, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.varlink.service."
               "GetNothing\"}}");
}
