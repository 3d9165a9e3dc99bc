// SPDX-License-Identifier: LGPL-2.1-or-later
// Every field of a LAUNCH packet too small, too big and cut short.
#include <criterion/criterion.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "agent/launcher/request.h"
#include "tests/unit/launcher/harness.h"

static TestPacket packet;
static Launch parsed;

static const TestLaunch ordinary = {
    .arguments = ARGUMENTS("prog", "", "arg"),
    .environment = ARGUMENTS("A=1", "B="),
    .directory = "/work",
    .input = "in",
    .output = "",
    .error = "err",
    .groups = (const uint32_t[]){ 30, 10, 20 },
    .n_groups = 3,
    .uid = 5,
    .gid = 6,
    .umask = 022,
};

static size_t build(void) {
    memset(&packet, 0xaa, sizeof(packet));
    return packet_build(&packet, &ordinary);
}

static int parse(size_t size) {
    return launch_parse(packet.bytes, size, &parsed);
}

Test(request, is_taken_apart) {
    cr_assert_eq(parse(build()), 0);
    cr_assert_eq(parsed.request->uid, 5);
    cr_assert_eq(parsed.request->gid, 6);
    cr_assert_eq(parsed.request->n_groups, 3);
    cr_assert_eq(parsed.groups[0], 10);
    cr_assert_eq(parsed.groups[1], 20);
    cr_assert_eq(parsed.groups[2], 30);
    cr_assert_str_eq(parsed.arguments[0], "prog");
    cr_assert_str_eq(parsed.arguments[1], "");
    cr_assert_str_eq(parsed.arguments[2], "arg");
    cr_assert_null(parsed.arguments[3]);
    cr_assert_str_eq(parsed.environment[0], "A=1");
    cr_assert_str_eq(parsed.environment[1], "B=");
    cr_assert_null(parsed.environment[2]);
    cr_assert_str_eq(parsed.directory, "/work");
    cr_assert_str_eq(parsed.input, "in");
    cr_assert_str_eq(parsed.output, "");
    cr_assert_str_eq(parsed.error, "err");
}

Test(request, every_other_length_is_refused) {
    size_t size = build();

    for (size_t i = 0; i < size; i++)
        cr_expect_eq(parse(i), -EBADMSG, "%zu of %zu bytes", i, size);
    packet.bytes[size] = '\0';
    for (size_t i = 1; i <= 16; i++)
        cr_expect_eq(parse(size + i), -EBADMSG, "%zu bytes too many", i);
    cr_assert_eq(parse(size), 0);
}

#define FIELD(name, value, result)                                                                                     \
    { #name, offsetof(LaunchRequest, name), sizeof(((LaunchRequest *)0)->name), value, result }

Test(request, bounds_of_each_field) {
    static const struct {
        const char *name;
        size_t offset, size;
        uint64_t value;
        int result;
    } table[] = {
        FIELD(header.version, 0, -EBADMSG),
        FIELD(header.version, LAUNCHER_VERSION + 1, -EBADMSG),
        FIELD(header.verb, 0, -EBADMSG),
        FIELD(header.verb, LAUNCHER_HELLO, -EBADMSG),
        FIELD(header.verb, LAUNCHER_SIGNAL, -EBADMSG),
        FIELD(key.job, 0, -EBADMSG),
        FIELD(key.job, UINT64_MAX, 0),
        FIELD(key.run, 0, -EBADMSG),
        FIELD(key.run, UINT32_MAX, 0),
        FIELD(key.task, 0, -EBADMSG),
        FIELD(key.task, UINT32_MAX, 0),
        FIELD(key.attempt, 0, -EBADMSG),
        FIELD(key.attempt, UINT32_MAX, 0),
        FIELD(key.padding, 1, -EBADMSG),
        FIELD(uid, 0, 0),
        FIELD(uid, UINT32_MAX - 1, 0),
        FIELD(uid, UINT32_MAX, -EBADMSG),
        FIELD(gid, 0, 0),
        FIELD(gid, UINT32_MAX - 1, 0),
        FIELD(gid, UINT32_MAX, -EBADMSG),
        FIELD(umask, 0, 0),
        FIELD(umask, 0777, 0),
        FIELD(umask, 01000, -EBADMSG),
        FIELD(n_groups, 2, -EBADMSG),
        FIELD(n_groups, 4, -EBADMSG),
        FIELD(n_arguments, 0, -EBADMSG),
        FIELD(n_arguments, 2, -EBADMSG),
        FIELD(n_arguments, 4, -EBADMSG),
        FIELD(n_environment, 1, -EBADMSG),
        FIELD(n_environment, 3, -EBADMSG),
        FIELD(strings_size, 0, -EBADMSG),
        FIELD(strings_size, 30, -EBADMSG),
        FIELD(strings_size, 32, -EBADMSG),
        FIELD(strings_size, UINT32_MAX, -EBADMSG),
        FIELD(limits_set, 0xffff, 0),
        FIELD(limits_set, 0x10000, -EBADMSG),
        FIELD(limits[15], UINT64_MAX, 0),
        FIELD(output_max, 0, 0),
        FIELD(output_max, UINT64_MAX, 0),
    };
    size_t size = build();

    cr_assert_eq(packet.launch.strings_size, 31);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void)build();
        memcpy(packet.bytes + table[i].offset, &table[i].value, table[i].size);
        cr_expect_eq(parse(size), table[i].result, "%s: %llu", table[i].name, (unsigned long long)table[i].value);
    }
}

Test(request, no_arguments) {
    TestLaunch launch = ordinary;

    launch.arguments = NULL;
    cr_assert_eq(parse(packet_build(&packet, &launch)), -EBADMSG);
    launch.arguments = ARGUMENTS("");
    launch.environment = NULL;
    launch.n_groups = 0;
    cr_assert_eq(parse(packet_build(&packet, &launch)), 0);
    cr_assert_null(parsed.environment[0]);
}

Test(request, counts_that_only_together_are_wrong) {
    size_t size = build();

    // An argument more and a variable less is another request, but a whole one.
    packet.launch.n_arguments++;
    packet.launch.n_environment--;
    cr_assert_eq(parse(size), 0);
    packet.launch.n_environment++;
    cr_assert_eq(parse(size), -EBADMSG);
    // Sums that overflow 32 bits.
    (void)build();
    packet.launch.n_arguments = UINT32_MAX;
    packet.launch.n_environment = 6;
    cr_assert_eq(parse(size), -EBADMSG);
    (void)build();
    packet.launch.n_groups = 0x40000003; // times 4 is 12 in 32 bits
    cr_assert_eq(parse(size), -EBADMSG);
}

Test(request, invalid_group) {
    size_t size = build();

    memset(packet.bytes + sizeof(LaunchRequest) + 4, 0xff, 4);
    cr_assert_eq(parse(size), -EBADMSG);
}

Test(request, last_string_must_end) {
    size_t size = build();

    packet.bytes[size - 1] = 'x';
    packet.bytes[size] = '\0';
    cr_assert_eq(parse(size), -EBADMSG);
}

Test(request, failure_leaves_the_result_alone) {
    size_t size = build();
    Launch before;

    memset(&parsed, 0x55, sizeof(parsed));
    before = parsed;
    cr_assert_eq(parse(size - 1), -EBADMSG);
    cr_assert_eq(memcmp(&before, &parsed, sizeof(parsed)), 0);
}

Test(request, largest_counts) {
    static const char *arguments[LAUNCH_ARGUMENTS_MAX + 2], *environment[LAUNCH_ENVIRONMENT_MAX + 2];
    static uint32_t groups[LAUNCH_GROUPS_MAX + 1];
    TestLaunch launch = { .arguments = arguments, .environment = environment, .groups = groups };

    launch.n_groups = LAUNCH_GROUPS_MAX;
    for (size_t i = 0; i < LAUNCH_ARGUMENTS_MAX; i++)
        arguments[i] = "a";
    for (size_t i = 0; i < LAUNCH_ENVIRONMENT_MAX; i++)
        environment[i] = "b";
    cr_assert_eq(parse(packet_build(&packet, &launch)), 0);
    cr_assert_str_eq(parsed.arguments[LAUNCH_ARGUMENTS_MAX - 1], "a");
    cr_assert_null(parsed.arguments[LAUNCH_ARGUMENTS_MAX]);
    cr_assert_null(parsed.environment[LAUNCH_ENVIRONMENT_MAX]);

    arguments[LAUNCH_ARGUMENTS_MAX] = "a";
    cr_assert_eq(parse(packet_build(&packet, &launch)), -EBADMSG);
    arguments[LAUNCH_ARGUMENTS_MAX] = NULL;
    environment[LAUNCH_ENVIRONMENT_MAX] = "b";
    cr_assert_eq(parse(packet_build(&packet, &launch)), -EBADMSG);
    environment[LAUNCH_ENVIRONMENT_MAX] = NULL;
    launch.n_groups++;
    cr_assert_eq(parse(packet_build(&packet, &launch)), -EBADMSG);
}
