// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose groups are whose: asked of the user database, remembered for a while, never taken from a message.
#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/identity.h"
#include "base/log.h"
#include "tests/unit/launcher/harness.h"

static Identities identities;
static TestPacket packet;
static Launch launch;
static char script[64] = "/tmp/corral-test-groups-XXXXXX";

static void set_up(void) {
    const char *program = getenv("CORRAL_GROUPS");

    log_set_level(-1);
    identities = IDENTITIES_NULL;
    cr_assert_not_null(program);
    cr_assert_eq(identities_init(&identities, program), 0);
    int fd = mkstemp(script);
    (void)close(fd);
}

static void tear_down(void) {
    identities_deinit(&identities);
    (void)unlink(script);
}

TestSuite(identity, .init = set_up, .fini = tear_down, .timeout = 30);

static const Launch *ask_for(uint32_t uid, uint32_t gid, const uint32_t *groups, uint32_t n) {
    size_t size = packet_build(
        &packet,
        &(TestLaunch){ .arguments = ARGUMENTS("true"), .uid = uid, .gid = gid, .groups = groups, .n_groups = n });

    cr_assert_eq(launch_parse(packet.bytes, size, &launch), 0);
    return &launch;
}

// A program in the place of corral-groups.
static void answer(const char *text) {
    FILE *file = fopen(script, "we");

    cr_assert_geq(fprintf(file, "#!/bin/sh\n%s\n", text), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(script, 0700), 0);
    identities.program = script;
}

Test(identity, of_a_user_of_the_database) {
    const struct passwd *user = getpwnam("daemon");
    uint32_t own[] = { 0, 0 };

    cr_assert_not_null(user);
    own[0] = user->pw_gid;
    const Launch *wanted = ask_for(user->pw_uid, user->pw_gid, own, 1);
    cr_assert_eq(identities_check(&identities, wanted), IDENTITY_UNKNOWN);
    cr_assert_eq(identity_look_up(&identities, wanted), 0);
    // The reaper has told the launcher.
    cr_assert_eq(identities_check(&identities, wanted), IDENTITY_UNKNOWN);
    identities_receive(&identities);
    cr_assert_eq(identities_check(&identities, wanted), IDENTITY_CONFIRMED);

    // Root's group is not daemon's, neither as one of several nor as the first.
    own[1] = 0;
    cr_assert_eq(identities_check(&identities, ask_for(user->pw_uid, user->pw_gid, own, 2)), IDENTITY_REFUSED);
    cr_assert_eq(identity_look_up(&identities, &launch), -EPERM);
    cr_assert_eq(identities_check(&identities, ask_for(user->pw_uid, 0, own, 1)), IDENTITY_REFUSED);
    cr_assert_eq(identity_look_up(&identities, &launch), -EPERM);
    // None at all may be asked for.
    cr_assert_eq(identities_check(&identities, ask_for(user->pw_uid, user->pw_gid, NULL, 0)), IDENTITY_CONFIRMED);
    // What is known of one says nothing of another.
    cr_assert_eq(identities_check(&identities, ask_for(user->pw_uid + 1, user->pw_gid, own, 1)), IDENTITY_UNKNOWN);
}

Test(identity, of_a_uid_that_nobody_has) {
    uint32_t nobody[] = { 65534 }, own[] = { 1999999999 };

    cr_assert_null(getpwuid(1999999999));
    cr_assert_eq(identity_look_up(&identities, ask_for(1999999999, 65534, nobody, 1)), 0);
    cr_assert_eq(identity_look_up(&identities, ask_for(1999999999, 1999999999, own, 1)), -EPERM);
    cr_assert_eq(identity_look_up(&identities, ask_for(1999999999, 0, NULL, 0)), -EPERM);
}

Test(identity, when_the_database_does_not_answer) {
    const Launch *wanted = ask_for(5, 5, NULL, 0);

    answer("exit 1");
    cr_assert_eq(identity_look_up(&identities, wanted), -EIO);
    answer("exit 0"); // nothing said
    cr_assert_eq(identity_look_up(&identities, wanted), -EIO);
    answer("printf '\\005\\000\\000\\000'; exit 3"); // said and failed
    cr_assert_eq(identity_look_up(&identities, wanted), -EIO);
    answer("printf '\\005\\000\\000'"); // half a number
    cr_assert_eq(identity_look_up(&identities, wanted), -EIO);
    answer("kill -9 $$");
    cr_assert_eq(identity_look_up(&identities, wanted), -EIO);
    identities.program = "/nowhere/corral-groups";
    cr_assert_eq(identity_look_up(&identities, wanted), -EIO);
    identities_receive(&identities);
    cr_assert_eq(identities_check(&identities, wanted), IDENTITY_UNKNOWN);
    answer("printf '\\005\\000\\000\\000'");
    cr_assert_eq(identity_look_up(&identities, wanted), 0);
}

Test(identity, only_so_many_are_remembered) {
    static Identity identity = { .n_groups = 1 };

    for (uint32_t uid = 1; uid <= IDENTITIES_MAX + 1; uid++) {
        identity.uid = uid;
        identity.groups[0] = uid;
        cr_assert_eq(write(identities.write_fd, &identity, sizeof(identity)), (ssize_t)sizeof(identity));
        identities_receive(&identities);
    }
    cr_assert_eq(identities_check(&identities, ask_for(1, 1, NULL, 0)), IDENTITY_UNKNOWN);
    for (uint32_t uid = 2; uid <= IDENTITIES_MAX + 1; uid++)
        cr_expect_eq(identities_check(&identities, ask_for(uid, uid, NULL, 0)), IDENTITY_CONFIRMED, "%u", uid);
    // The newest word counts.
    identity.uid = 5;
    identity.groups[0] = 6;
    cr_assert_eq(write(identities.write_fd, &identity, sizeof(identity)), (ssize_t)sizeof(identity));
    identities_receive(&identities);
    cr_assert_eq(identities_check(&identities, ask_for(5, 5, NULL, 0)), IDENTITY_REFUSED);
}

Test(identity, of_more_groups_than_are_remembered) {
    answer("i=0; while [ $i -lt 1100 ]; do printf '\\005\\001\\000\\000\\006\\001\\000\\000'; i=$((i + 1)); done");
    cr_assert_eq(identity_look_up(&identities, ask_for(9, 0x105, (uint32_t[]){ 0x106 }, 1)), 0);
    identities_receive(&identities);
    cr_assert_eq(identities_check(&identities, &launch), IDENTITY_UNKNOWN);
}
