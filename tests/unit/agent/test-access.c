// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/access.h"

#include "agent/users.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static gid_t games[] = { 7, 60 }; // "games" on Debian

static const IpcPeer root = { .uid = 0 }, owner = { .uid = 1000, .gid = 1000 }, stranger = { .uid = 1001, .gid = 1001 },
                     member = { .uid = 1002, .gid = 1002, .n_groups = 2, .groups = games },
                     primary = { .uid = 1003, .gid = 60 };

Test(access, administrators) {
    Agent agent = { 0 };

    cr_assert(access_is_administrator(&agent, &root));
    cr_assert(!access_is_administrator(&agent, &member));
    strcpy(agent.settings.admin_group, "games");
    cr_assert(access_is_administrator(&agent, &member));
    cr_assert(access_is_administrator(&agent, &primary));
    cr_assert(!access_is_administrator(&agent, &owner));
    strcpy(agent.settings.admin_group, "no such group");
    cr_assert(access_is_administrator(&agent, &root));
    cr_assert(!access_is_administrator(&agent, &member));
}

Test(access, jobs) {
    Agent agent = { .settings.admin_group = "games" };
    JobRecord job = { .owner_uid = 1000, .user_uid = 1001 };

    cr_assert(access_to_job(&agent, &owner, &job));
    cr_assert(access_to_job(&agent, &root, &job));
    cr_assert(access_to_job(&agent, &member, &job));
    cr_assert(!access_to_job(&agent, &stranger, &job)); // his tasks, but not his job
}

Test(access, names) {
    cr_assert_str_eq(access_peer_name(&root), "root");
    cr_assert_str_eq(access_peer_name(&(IpcPeer){ .uid = 3999999999u }), "3999999999");
}

// ---- the user database ----

Test(users, by_uid) {
    const User *user;

    for (int i = 0; i < 2; i++) { // the second time from the cache
        cr_assert_eq(user_by_uid(0, &user), 0);
        cr_assert(user->known && user->uid == 0 && user->gid == 0 && user->n_groups >= 1);
        cr_assert_str_eq(user->name, "root");
        cr_assert_str_eq(user->home, "/root");
        cr_assert_eq(user_by_uid(3999999999u, &user), 0);
        cr_assert(!user->known && user->uid == 3999999999u && user->gid == 65534 && user->n_groups == 1);
        cr_assert_str_eq(user->name, "3999999999");
        cr_assert_str_eq(user->home, "/");
    }
}

Test(users, by_name) {
    const User *user;

    for (int i = 0; i < 2; i++) {
        cr_assert_eq(user_by_name("nobody", &user), 0);
        cr_assert_eq(user->uid, 65534);
        cr_assert_eq(user_by_name("65534", &user), 0);
        cr_assert_str_eq(user->name, "nobody");
    }
    cr_assert_eq(user_by_uid(3999999999u, &user), 0);
    cr_assert_eq(user_by_name("3999999999", &user), -ENOENT); // not known, although it is in the cache
    cr_assert_eq(user_by_name("no such user", &user), -ENOENT);
    cr_assert_eq(user_by_name("", &user), -ENOENT);
    cr_assert_eq(user_by_name("-1", &user), -ENOENT);
    cr_assert_eq(user_by_name("4294967295", &user), -ENOENT);
    cr_assert_eq(user_by_name("4294967296", &user), -ENOENT);
}

Test(users, more_than_the_cache_holds) {
    const User *user;

    for (uid_t uid = 3000000000u; uid < 3000000100u; uid++) {
        cr_assert_eq(user_by_uid(uid, &user), 0);
        cr_assert_eq(user->uid, uid);
    }
    cr_assert_eq(user_by_uid(3000000000u, &user), 0);
    cr_assert_str_eq(user->name, "3000000000");
}

Test(users, groups) {
    gid_t gid = 4711;

    cr_assert_eq(group_by_name("no such group", &gid), -ENOENT);
    cr_assert_eq(gid, 4711);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(group_by_name("games", &gid), 0);
        cr_assert_eq(gid, 60);
    }
}

static void limit_descriptors(rlim_t soft) {
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft == 0 ? limit.rlim_max : soft;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

// What cannot be looked up is neither unknown nor without groups, and is looked up again.
Test(users, without_descriptors) {
    const User *user;
    gid_t group;

    limit_descriptors(3);
    cr_expect_eq(user_by_uid(0, &user), -EMFILE);
    cr_expect_eq(user_by_name("root", &user), -EMFILE);
    cr_expect_eq(group_by_name("games", &group), -EMFILE);
    limit_descriptors(0);
    cr_assert_eq(user_by_uid(0, &user), 0);
    cr_assert_str_eq(user->name, "root");
    cr_assert_eq(user_by_name("root", &user), 0);
    cr_assert_eq(group_by_name("games", &group), 0);
    cr_assert_eq(group, 60);
}
