// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/config.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "tests/unit/settings-file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Target {
    char text[64];
    int on;
} Target;

static int set_text(const char *value, void *target) {
    if (strlen(value) >= sizeof((Target *)target)->text)
        return -ENAMETOOLONG;
    strcpy(((Target *)target)->text, value);
    return 0;
}

static int set_on(const char *value, void *target) {
    return config_parse_switch(value, &((Target *)target)->on);
}

static const ConfigSetting settings[] = { { "Text", set_text, "short" }, { "On", set_on, "yes or no" } };

TestSuite(config, .init = settings_file_make, .fini = settings_file_remove);

static int read_bytes(const char *bytes, size_t size, Target *target) {
    settings_file_write(bytes, size);
    return config_read(settings_file, settings, 2, target);
}

static int read_text(const char *text, Target *target) {
    return read_bytes(text, strlen(text), target);
}

Test(config, settings_comments_and_blanks) {
    Target target = { .on = -1 };

    cr_assert_eq(read_text("# a comment\n\n  TEXT = some words  \n\t# another\non=yes\r\n", &target), 0);
    cr_assert_str_eq(target.text, "some words");
    cr_assert_eq(target.on, 1);
    cr_assert_eq(read_text("On=no", &target), 0); // without a newline
    cr_assert_eq(target.on, 0);
    cr_assert_eq(read_text("Text=", &target), 0);
    cr_assert_str_eq(target.text, "");
    cr_assert_eq(read_text("Text=a=b\nText=c", &target), 0); // the last one counts
    cr_assert_str_eq(target.text, "c");
    cr_assert_eq(read_text("", &target), 0);
}

Test(config, what_makes_no_sense_is_refused) {
    Target target = { 0 };

    cr_assert_eq(read_text("Text", &target), -EINVAL);
    cr_assert_eq(read_text("Other=1", &target), -ENOENT);
    cr_assert_eq(read_text("=1", &target), -ENOENT);
    cr_assert_eq(read_text("On=perhaps", &target), -EINVAL);
    cr_assert_eq(read_text("Text=0123456789012345678901234567890123456789012345678901234567890123456789", &target),
                 -ENAMETOOLONG);
    cr_assert_eq(read_bytes("Text=a\0On=yes\n", 14, &target), -EINVAL);
}

Test(config, what_is_refused_is_told) {
    static const char *const lines[][2] = {
        { "\nOn=perhaps", "line 2: On has to be yes or no: Invalid argument" },
        { "On", "line 1: not of the form Name=value: Invalid argument" },
        { "Off=no", "line 1: there is no such setting: No such file or directory" },
    };
    AUTO_CLOSE int fd = memfd_create("stderr", MFD_CLOEXEC);
    char told[512], expected[512];
    Target target = { 0 };

    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(unsetenv("JOURNAL_STREAM"), 0);
    log_set_level(LOG_INFO);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_assert(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        cr_assert_lt(read_text(lines[i][0], &target), 0);
        ssize_t n = pread(fd, told, sizeof told - 1, 0);
        cr_assert_gt(n, 0);
        told[n] = '\0';
        (void)snprintf(expected, sizeof expected, "%s: %s\n", settings_file, lines[i][1]);
        cr_expect_str_eq(told, expected);
    }
}

Test(config, too_long) {
    static char text[64 * 1024 + 1];
    Target target = { 0 };

    memset(text, '#', sizeof text - 1);
    cr_assert_eq(read_bytes(text, sizeof text - 1, &target), 0);
    cr_assert_eq(read_bytes(text, sizeof text, &target), -EFBIG);
}

Test(config, not_there_or_no_file) {
    Target target = { 0 };

    cr_assert_eq(config_read("/nowhere/at/all", settings, 2, &target), -ENOENT);
    cr_assert_eq(config_read("/tmp", settings, 2, &target), -EINVAL);
    cr_assert_eq(unlink(settings_file), 0);
    cr_assert_eq(mkfifo(settings_file, 0600), 0);
    cr_assert_eq(config_read(settings_file, settings, 2, &target), -EINVAL); // and nobody waits for a writer
}

Test(config, of_others) {
    Target target = { 0 };

    cr_assert_eq(chmod(settings_file, 0620), 0);
    cr_assert_eq(config_read(settings_file, settings, 2, &target), -EPERM);
    cr_assert_eq(chmod(settings_file, 0602), 0);
    cr_assert_eq(config_read(settings_file, settings, 2, &target), -EPERM);
    cr_assert_eq(chmod(settings_file, 0644), 0);
    cr_assert_eq(config_read(settings_file, settings, 2, &target), 0);
    if (geteuid() != 0)
        cr_skip_test("needs root to give a file away");
    cr_assert_eq(chown(settings_file, 1234, 0), 0);
    cr_assert_eq(config_read(settings_file, settings, 2, &target), -EPERM);
}

Test(config, switches) {
    static const char *const on[] = { "yes", "TRUE", "on", "1" }, *const off[] = { "No", "false", "off", "0" };
    int value = 7;

    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(config_parse_switch(on[i], &value), 0);
        cr_assert_eq(value, 1);
        cr_assert_eq(config_parse_switch(off[i], &value), 0);
        cr_assert_eq(value, 0);
    }
    cr_assert_eq(config_parse_switch("", &value), -EINVAL);
    cr_assert_eq(config_parse_switch("yesno", &value), -EINVAL);
    cr_assert_eq(value, 0);
}
