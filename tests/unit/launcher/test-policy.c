// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/policy.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "tests/unit/settings-file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

TestSuite(policy, .init = settings_file_make, .fini = settings_file_remove);

static int read_policy(const char *text, Policy *ret) {
    settings_file_write(text, strlen(text));
    return policy_read(settings_file, ret);
}

Test(policy, by_default_neither_root_nor_the_system) {
    Policy policy = POLICY_ALL;

    cr_assert_eq(read_policy("", &policy), 0);
    cr_assert(!policy_allows(&policy, 0));
    cr_assert(!policy_allows(&policy, 1));
    cr_assert(!policy_allows(&policy, 999));
    cr_assert(policy_allows(&policy, 1000));
    cr_assert(policy_allows(&policy, UINT32_MAX - 1));
    cr_assert(!policy_allows(&policy, UINT32_MAX));
}

Test(policy, all) {
    const Policy policy = POLICY_ALL;

    cr_assert(policy_allows(&policy, 0));
    cr_assert(policy_allows(&policy, 1));
    cr_assert(!policy_allows(&policy, UINT32_MAX));
}

Test(policy, ranges_and_root) {
    Policy policy;

    cr_assert_eq(read_policy("Uids = 33 1000-1002,5000\nRootJobs = yes\n", &policy), 0);
    cr_assert(policy_allows(&policy, 0) && policy_allows(&policy, 33) && policy_allows(&policy, 1002) &&
              policy_allows(&policy, 5000));
    cr_assert(!policy_allows(&policy, 32) && !policy_allows(&policy, 34) && !policy_allows(&policy, 999) &&
              !policy_allows(&policy, 1003));
    // Root is asked for by its own name alone.
    cr_assert_eq(read_policy("Uids=0-4294967294", &policy), 0);
    cr_assert(!policy_allows(&policy, 0));
    cr_assert(policy_allows(&policy, 1));
    cr_assert_eq(read_policy("Uids=", &policy), 0);
    cr_assert(!policy_allows(&policy, 1000));
}

Test(policy, what_makes_no_sense_changes_nothing) {
    static const char *const texts[] = { "Uids=x",
                                         "Uids=1000-",
                                         "Uids=-1000",
                                         "Uids=5-4",
                                         "Uids=4294967295",
                                         "Uids=1 2 3-2",
                                         "RootJobs=",
                                         "RootJobs=sometimes",
                                         "Uids=18446744073709551616",
                                         "Gids=1",
                                         "RootJobs=yes\nUids=x",
                                         "Uids=1--2",
                                         "Uids=1.5-6",
                                         "Uids=+5",
                                         "Uids=0x10" };
    Policy policy = { .n_uids = 1, .uids = { { 7, 7 } } };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_lt(read_policy(texts[i], &policy), 0, "%s", texts[i]);
    cr_assert(!policy.root_jobs && policy_allows(&policy, 7) && !policy_allows(&policy, 1000));
}

Test(policy, too_many_ranges) {
    char text[1024] = "Uids=";
    Policy policy;

    for (unsigned i = 0; i < POLICY_RANGES_MAX; i++)
        (void)strcat(text, "5 ");
    cr_assert_eq(read_policy(text, &policy), 0);
    cr_assert_eq(policy.n_uids, POLICY_RANGES_MAX);
    cr_assert_eq(read_policy(strcat(text, "5"), &policy), -E2BIG);
}

Test(policy, installed_file) {
    const Policy expected = POLICY_DEFAULT;
    Policy policy = POLICY_ALL;

    settings_file_write_defaults(CORRAL_SOURCE "/packaging/launcher.conf", 2);
    cr_assert_eq(policy_read(settings_file, &policy), 0);
    cr_assert_eq(policy.root_jobs, expected.root_jobs);
    cr_assert_eq(policy.n_uids, expected.n_uids);
    cr_assert(policy.uids[0].first == expected.uids[0].first && policy.uids[0].last == expected.uids[0].last);
}
