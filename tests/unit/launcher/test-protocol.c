// SPDX-License-Identifier: LGPL-2.1-or-later
// Names of the reapers' files, and texts.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/launcher/protocol.h"

Test(names, round_trip) {
    static const AttemptKey keys[] = {
        { 1, 1, 1, 1, 0 },
        { 90, 2, 300, 4, 0 },
        { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0 },
    };
    static const char *const names[] = {
        "1.1.1.1.record",
        "90.2.300.4.record",
        "18446744073709551615.4294967295.4294967295.4294967295.record",
    };

    for (size_t i = 0; i < 3; i++) {
        char name[ATTEMPT_NAME_MAX];
        AttemptKey key;

        cr_assert_str_eq(attempt_file_name(name, &keys[i], RECORD_SUFFIX), names[i]);
        cr_assert_eq(attempt_parse_file_name(name, RECORD_SUFFIX, &key), 0);
        cr_assert_eq(memcmp(&key, &keys[i], sizeof(key)), 0);
        cr_assert_eq(attempt_parse_file_name(name, CLAIM_SUFFIX, &key), -EINVAL);
    }
}

Test(names, bad_ones_are_refused) {
    static const char *const names[] = {
        "",
        ".",
        "..",
        ".record",
        "1.1.1.record",
        "1.1.1.1",
        "1.1.1.1.1.record",
        "1.1.1.1.recor",
        "1.1.1.1.records",
        "1.1.1.1.claim",
        "1.1.1.1.record.record",
        "0.1.1.1.record",
        "1.0.1.1.record",
        "1.1.1.0.record",
        "01.1.1.1.record",
        "1.1.1.01.record",
        "+1.1.1.1.record",
        " 1.1.1.1.record",
        "-1.1.1.1.record",
        "1.1.-1.1.record",
        "1..1.1.1.record",
        "a.1.1.1.record",
        "1.1.1.1 .record",
        "18446744073709551616.1.1.1.record",
        "99999999999999999999999.1.1.1.record",
        "1.4294967296.1.1.record",
        "1.1.4294967296.1.record",
        "1.1.1.4294967296.record",
    };
    AttemptKey key = { .job = 5 };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(attempt_parse_file_name(names[i], RECORD_SUFFIX, &key), -EINVAL, "%s", names[i]);
    cr_assert_eq(key.job, 5);
}

Test(names, each_step_has_a_text_of_its_own) {
    for (int i = 0; i <= _LAUNCH_STEP_LAST; i++)
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(launch_step_text((LaunchStep)i), launch_step_text((LaunchStep)j));
    cr_assert_not_null(launch_step_text((LaunchStep)(_LAUNCH_STEP_LAST + 1)));
}

static uid_t owner_of(int fd) {
    struct stat st;

    cr_assert_eq(fstat(fd, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    return st.st_uid;
}

Test(files, belong_to_the_owner_of_the_directory) {
    char directory[] = "/tmp/corral-protocol-XXXXXX";

    cr_assert_not_null(mkdtemp(directory));
    int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int ours = attempt_file_create(dir_fd, "ours", O_RDWR);
    cr_assert_geq(ours, 0);
    cr_assert_eq(owner_of(ours), geteuid());
    cr_assert_eq(attempt_file_create(dir_fd, "ours", O_RDWR), -EEXIST);

    cr_assert_eq(fchown(dir_fd, 1, 1), 0);
    int theirs = attempt_file_create(dir_fd, "theirs", O_WRONLY | O_APPEND);
    cr_assert_geq(theirs, 0);
    cr_assert_eq(owner_of(theirs), 1);
    // What is made next is ours again.
    int next = openat(dir_fd, "next", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    cr_assert_eq(owner_of(next), geteuid());

    static const char *const names[] = { "ours", "theirs", "next" };
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(unlinkat(dir_fd, names[i], 0), 0);
    cr_assert_eq(rmdir(directory), 0);
    close(ours);
    close(theirs);
    close(next);
    close(dir_fd);
}
