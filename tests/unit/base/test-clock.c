// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/clock.h"

#include "base/parse.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

Test(clock, realtime_counts_microseconds_since_the_epoch) {
    uint64_t before = (uint64_t)time(NULL);

    uint64_t now = clock_realtime();
    // time(2) may lag by a tick of the kernel's timer.
    cr_assert_geq(now, before * USEC_PER_SEC);
    cr_assert_leq(now, (before + 10) * USEC_PER_SEC);
}

Test(clock, boottime_is_that_of_the_kernel_and_never_goes_back) {
    struct timespec kernel;

    cr_assert_eq(clock_gettime(CLOCK_BOOTTIME, &kernel), 0);
    uint64_t last = clock_boottime();
    cr_assert_geq(last, (uint64_t)kernel.tv_sec * USEC_PER_SEC);
    cr_assert_leq(last, ((uint64_t)kernel.tv_sec + 10) * USEC_PER_SEC);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_boottime();
        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, boot_id_is_32_digits_and_stays) {
    char first[BOOT_ID_TEXT], second[BOOT_ID_TEXT];

    cr_assert_eq(clock_boot_id(first), 0);
    cr_assert_eq(clock_boot_id(second), 0);
    cr_assert_eq(strlen(first), 32);
    cr_assert_eq(strspn(first, "0123456789abcdef"), 32);
    cr_assert_str_eq(first, second);
}
