// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/selftest.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "tests/unit/cgroup/scratch.h"

TestSuite(selftest, .init = scratch_begin, .fini = scratch_end);

static void expect_nothing_left(void) {
    cr_assert(faccessat(scratch_fd, "selftest", F_OK, 0) < 0 && errno == ENOENT);
    cr_assert(waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD, "a child is left");
}

static void expect_all_well(void) {
    CgroupSelfTest result = { 0 };

    cr_assert_eq(cgroup_self_test(scratch_fd, NULL, NULL, &result), 0);
    cr_assert_eq(result.error, 0);
    cr_assert(result.clone_into && result.freeze && result.kill);
    cr_assert(result.empty_notice_usec > 0 && result.empty_notice_usec < USEC_PER_SEC);
    cr_log_info("notice of emptiness after %lu microseconds", (unsigned long)result.empty_notice_usec);
}

Test(selftest, this_kernel_can_do_it) {
    expect_all_well();
    expect_nothing_left();
}

Test(selftest, is_quick) {
    uint64_t begin = clock_boottime();

    expect_all_well();
    cr_assert_lt(clock_boottime() - begin, USEC_PER_SEC);
}

Test(selftest, takes_away_what_a_killed_run_has_left) {
    AUTO_CGROUP Cgroup *left = scratch_create(scratch_fd, "selftest");
    pid_t pid = scratch_spawn(left, sleep_body);

    cr_assert_eq(cgroup_freeze(left, true), 0);
    cr_assert(wait_for_frozen(left, true));
    expect_all_well();
    scratch_reap(pid);
    expect_nothing_left();
}

Test(selftest, no_cgroup_is_an_error) {
    CgroupSelfTest result = { .kill = true };

    plain_begin();
    int r = cgroup_self_test(plain_fd, NULL, NULL, &result);
    plain_end();
    // The directory can be made, so it can be tried; nothing works in it.
    cr_assert_eq(r, 0);
    cr_assert(result.error < 0 && !result.clone_into && !result.freeze && !result.kill);
    cr_assert_eq(result.empty_notice_usec, CGROUP_UNKNOWN);
}
