// SPDX-License-Identifier: LGPL-2.1-or-later
// What is a shortage, and whether there are descriptors to be had.
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/shortage.h"

Test(shortage, of_descriptors_and_room_alone) {
    cr_assert(is_shortage(-EMFILE));
    cr_assert(is_shortage(-ENOSPC));
    cr_assert(!is_shortage(-EACCES));
    cr_assert(!is_shortage(0));
}

// How many descriptors are open, without the one that counts them.
static size_t count_open(void) {
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    cr_assert_not_null(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n - 1;
}

Test(shortage, descriptors_are_counted_and_given_back) {
    size_t before = count_open();
    int next = dup(0); // the lowest that is free
    struct rlimit limit;

    cr_assert_geq(next, 0);
    (void)close(next);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(shortage_check_descriptors(SHORTAGE_DESCRIPTORS_MAX), 0);
    cr_assert_eq(shortage_check_descriptors(SHORTAGE_DESCRIPTORS_MAX + 1), -EINVAL);
    cr_assert_eq(count_open(), before);

    // Those above are closed, so that just four are to be had.
    limit.rlim_cur = (rlim_t)next + 4;
    cr_assert_eq(close_range((unsigned)next, ~0U, 0), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(shortage_check_descriptors(4), 0);
    cr_assert_eq(shortage_check_descriptors(5), -EMFILE);
    cr_assert_eq(shortage_check_descriptors(4), 0);
}
