// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

// Standard error is a memory file during each test; each test is a process of its own.
static char written[16384];

static void set_up(void) {
    AUTO_CLOSE int fd = memfd_create("stderr", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(unsetenv("JOURNAL_STREAM"), 0);
}

TestSuite(log, .init = set_up);

static const char *logged(void) {
    ssize_t n = pread(STDERR_FILENO, written, sizeof written - 1, 0);

    cr_assert_geq(n, 0);
    written[n] = '\0';
    return written;
}

Test(log, writes_a_line) {
    log_info("%d jobs", 3);
    cr_assert_str_eq(logged(), "3 jobs\n");
}

Test(log, begins_with_the_name) {
    log_set_name("corrald");
    log_warning("hello");
    log_error("again");
    cr_assert_str_eq(logged(), "corrald: hello\ncorrald: again\n");
}

Test(log, info_is_the_default_level) {
    log_debug("no");
    log_info("yes");
    log_error("yes");
    cr_assert_str_eq(logged(), "yes\nyes\n");
}

Test(log, keeps_the_level) {
    log_set_level(LOG_ERR);
    log_warning("no");
    log_error("yes");
    cr_assert_eq(log_errno(LOG_NOTICE, -EIO, "no"), -EIO);
    log_set_level(LOG_DEBUG);
    log_debug("yes");
    cr_assert_str_eq(logged(), "yes\nyes\n");
}

Test(log, escapes_control_characters) {
    log_info("%s", "a\nb\tc\rd\x1b[31me\x7f");
    cr_assert_str_eq(logged(), "a\\x0ab\\x09c\\x0dd\\x1b[31me\\x7f\n");
}

Test(log, a_newline_cannot_forge_a_line) {
    log_info("%s", "x\n<0>kernel: panic");
    cr_assert_null(strchr(strchr(logged(), '\n') + 1, '\n'));
}

Test(log, escapes_control_characters_beyond_ascii) {
    log_info("%s", "\xc2\x9b"
                   "31m \xc2\x85 \xc2\xa0");
    cr_assert_str_eq(logged(), "\\xc2\\x9b31m \\xc2\\x85 \xc2\xa0\n");
}

Test(log, keeps_text_and_escapes_what_is_no_text) {
    log_info("%s", "na\xc3\xafve \xf0\x9f\x90\x8e \xff \x9b \xc0\xaf \xe2\x82");
    cr_assert_str_eq(logged(), "na\xc3\xafve \xf0\x9f\x90\x8e \\xff \\x9b \\xc0\\xaf \\xe2\\x82\n");
}

Test(log, cuts_long_lines_and_says_so) {
    char text[10000];

    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_info("%s", text);
    const char *line = logged();
    size_t length = strlen(line);
    cr_assert_lt(length, 4096);
    cr_assert_gt(length, 1000);
    cr_assert_str_eq(line + length - 5, "z...\n");
}

Test(log, a_line_of_escapes_stays_within_one_atomic_write) {
    char text[10000];

    memset(text, 1, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_info("%s", text);
    const char *line = logged();
    cr_assert_leq(strlen(line), PIPE_BUF);
    cr_assert_str_eq(line + strlen(line) - 5, "\\x01\n");
}

Test(log, preserves_errno) {
    errno = ENOTTY;
    log_info("x");
    cr_assert_eq(errno, ENOTTY);
    log_debug("x");
    cr_assert_eq(errno, ENOTTY);
    (void)log_errno(LOG_ERR, -EIO, "x");
    cr_assert_eq(errno, ENOTTY);
    cr_assert_eq(close(STDERR_FILENO), 0);
    log_info("x");
    cr_assert_eq(errno, ENOTTY);
}

Test(log, names_the_error_and_returns_it) {
    cr_assert_eq(log_errno(LOG_ERR, -ENOENT, "cannot open %s", "f"), -ENOENT);
    cr_assert_str_eq(logged(), "cannot open f: No such file or directory\n");
}

Test(log, a_long_text_does_not_hide_the_error) {
    char text[10000];

    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)log_errno(LOG_ERR, -ENOENT, "%s", text);
    cr_assert_not_null(strstr(logged(), "z: No such file or directory\n"));
}

static void set_journal_stream(unsigned offset) {
    struct stat status;
    char stream[64];

    cr_assert_eq(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino + offset);
    cr_assert_eq(setenv("JOURNAL_STREAM", stream, true), 0);
}

Test(log, tells_the_journal_the_priority) {
    set_journal_stream(0);
    log_set_name("corrald");
    log_error("bad");
    log_info("good");
    cr_assert_str_eq(logged(), "<3>bad\n<6>good\n");
}

Test(log, knows_another_stream_from_the_journal) {
    set_journal_stream(1);
    log_error("bad");
    cr_assert_str_eq(logged(), "bad\n");
}
