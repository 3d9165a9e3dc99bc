// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/attribute.h"

#include <criterion/criterion.h>
#include <errno.h>

static void expect(const char *text, const char *key, int error, uint64_t number) {
    uint64_t value = 77;

    int r = attribute_find(text, key, &value);
    cr_assert_eq(r, error, "\"%s\" in \"%s\": %d", key, text, r);
    cr_assert_eq(value, error ? 77 : number);
}

Test(attribute, finds_a_key_on_any_line) {
    expect("populated 1\nfrozen 0\n", "populated", 0, 1);
    expect("populated 1\nfrozen 0\n", "frozen", 0, 0);
    expect("usage_usec 5\nuser_usec 18446744073709551615", "user_usec", 0, UINT64_MAX);
}

Test(attribute, takes_only_whole_keys) {
    expect("oom_kill_group 3\noom 2\noom_kill 1\n", "oom_kill", 0, 1);
    expect("nr_frozen 1\n", "frozen", -ENOENT, 0);
    expect("frozenness 1\n", "frozen", -ENOENT, 0);
    expect("frozen", "frozen", -ENOENT, 0);
    expect("", "frozen", -ENOENT, 0);
    expect("\n\n", "frozen", -ENOENT, 0);
}

Test(attribute, refuses_what_is_no_number) {
    const char *const texts[] = { "k \n",
                                  "k max\n",
                                  "k -1\n",
                                  "k 1 2\n",
                                  "k 1x\n",
                                  "k  1\n",
                                  "k 18446744073709551616\n",
                                  "k 00000000000000000000000000000000000001\n" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], "k", -EBADMSG, 0);
}
