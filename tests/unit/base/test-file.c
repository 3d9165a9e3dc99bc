// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/file.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

// Every test works in a directory of its own, which is its working directory.
static char directory[] = "/tmp/corral-test-file-XXXXXX";

static void set_up(void) {
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    umask(022);
}

static void tear_down(void) {
    char command[sizeof directory + 16];

    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(file, .init = set_up, .fini = tear_down);

static void make_file(const char *name, const char *text) {
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

Test(file, reads_a_file_whole) {
    char buffer[16];

    make_file("f", "two\nlines\n");
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, sizeof buffer), 10);
    cr_assert_str_eq(buffer, "two\nlines\n");
}

Test(file, reads_an_empty_file) {
    char buffer[4] = "xxx";

    make_file("f", "");
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, sizeof buffer), 0);
    cr_assert_str_eq(buffer, "");
    cr_assert_eq(file_read_line_at(AT_FDCWD, "f", buffer, sizeof buffer), 0);
}

Test(file, refuses_a_file_that_leaves_no_room_for_the_nul) {
    char buffer[8];

    make_file("f", "1234567");
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, 8), 7);
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, 7), -E2BIG);
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, 1), -E2BIG);
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, 0), -E2BIG);
    cr_assert_eq(file_read_line_at(AT_FDCWD, "f", buffer, 7), -E2BIG);
}

Test(file, stops_reading_an_endless_file) {
    char buffer[4096];

    cr_assert_eq(file_read_at(AT_FDCWD, "/dev/zero", buffer, sizeof buffer), -E2BIG);
}

Test(file, reads_relative_to_the_directory) {
    AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char buffer[8];

    make_file("f", "here");
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(file_read_at(fd, "f", buffer, sizeof buffer), 4);
    cr_assert_eq(file_read_at(fd, "g", buffer, sizeof buffer), -ENOENT);
    cr_assert_eq(file_read_at(fd, ".", buffer, sizeof buffer), -EISDIR);
}

Test(file, cuts_one_newline_off_a_line) {
    char buffer[16];

    make_file("f", "a line\n");
    cr_assert_eq(file_read_line_at(AT_FDCWD, "f", buffer, sizeof buffer), 6);
    cr_assert_str_eq(buffer, "a line");
    make_file("f", "none");
    cr_assert_eq(file_read_line_at(AT_FDCWD, "f", buffer, sizeof buffer), 4);
    make_file("f", "two\n\n");
    cr_assert_eq(file_read_line_at(AT_FDCWD, "f", buffer, sizeof buffer), 4);
    make_file("f", "\n");
    cr_assert_eq(file_read_line_at(AT_FDCWD, "f", buffer, sizeof buffer), 0);
    cr_assert_str_eq(buffer, "");
}

Test(file, writes_to_an_existing_file_only) {
    char buffer[8];

    cr_assert_eq(file_write_at(AT_FDCWD, "f", "x"), -ENOENT);
    make_file("f", "");
    cr_assert_eq(file_write_at(AT_FDCWD, "f", "1"), 0);
    cr_assert_eq(file_read_at(AT_FDCWD, "f", buffer, sizeof buffer), 1);
    cr_assert_str_eq(buffer, "1");
}

Test(file, passes_the_errors_of_write_on) {
    make_file("f", "");
    cr_assert_eq(file_write_at(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
    cr_assert_eq(file_write_all(-1, "x", 1), -EBADF);
    cr_assert_eq(file_write_all(-1, "x", 0), 0);
}

static void ignore_signal(int number) {
    (void)number;
}

// A pipe takes a part at a time, and a timer interrupts the writes: all bytes arrive all the same, in order.
Test(file, writes_all_through_short_writes_and_signals, .timeout = 20) {
    enum {
        SIZE = 1 << 20
    };
    const struct sigaction action = { .sa_handler = ignore_signal }; // no SA_RESTART
    const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
    AUTO_FREE uint8_t *data = malloc(SIZE);
    int pipe_fds[2];

    cr_assert_not_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid_t reader = fork();
    cr_assert_geq(reader, 0);
    if (reader == 0) {
        uint8_t chunk[3000];
        size_t at = 0;
        ssize_t n;
        (void)close(pipe_fds[1]);
        while ((n = read(pipe_fds[0], chunk, sizeof chunk)) > 0) {
            if (at + (size_t)n > SIZE || memcmp(chunk, data + at, (size_t)n) != 0)
                _exit(2);
            at += (size_t)n;
            usleep(100);
        }
        _exit(at == SIZE ? 0 : 1);
    }
    (void)close(pipe_fds[0]);
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    int r = file_write_all(pipe_fds[1], data, SIZE);
    cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    (void)close(pipe_fds[1]);
    int status = -1;
    cr_assert_eq(waitpid(reader, &status, 0), reader);
    cr_assert_eq(r, 0);
    cr_assert_eq(status, 0);
}

static mode_t mode_of(const char *path) {
    struct stat status;

    cr_assert_eq(stat(path, &status), 0, "%s is missing", path);
    return status.st_mode & 07777;
}

Test(file, makes_directories_with_their_parents) {
    cr_assert_eq(file_make_directories("a/b//c/", 0750), 0);
    cr_assert_eq(mode_of("a"), 0750);
    cr_assert_eq(mode_of("a/b"), 0750);
    cr_assert_eq(mode_of("a/b/c"), 0750);
    cr_assert_eq(file_make_directories("a/b/c", 0700), 0);
    cr_assert_eq(mode_of("a/b/c"), 0750);
    cr_assert_eq(file_make_directories("/", 0700), 0);
    cr_assert_eq(file_make_directories(".", 0700), 0);
}

Test(file, makes_absolute_directories) {
    char path[64];

    (void)snprintf(path, sizeof path, "%s/x/y", directory);
    cr_assert_eq(file_make_directories(path, 0755), 0);
    cr_assert_eq(mode_of("x/y"), 0755);
}

Test(file, refuses_to_make_what_cannot_be) {
    char path[PATH_MAX + 1];

    make_file("f", "");
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    cr_assert_eq(file_make_directories("f", 0755), -ENOTDIR);
    cr_assert_eq(file_make_directories("f/g", 0755), -ENOTDIR);
    cr_assert_eq(file_make_directories("", 0755), -ENOENT);
    cr_assert_eq(file_make_directories(path, 0755), -ENAMETOOLONG);
    path[PATH_MAX - 1] = '\0';
    cr_assert_eq(file_make_directories(path, 0755), -ENAMETOOLONG);
}

Test(file, opens_directories_only) {
    make_file("f", "");
    cr_assert_eq(mkdir("d", 0700), 0);
    cr_assert_eq(symlink("d", "link"), 0);
    AUTO_CLOSE int fd = file_open_directory_at(AT_FDCWD, "d");
    cr_assert_geq(fd, 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fcntl(fd, F_GETFL) & O_PATH, 0);
    cr_assert_eq(file_open_directory_at(AT_FDCWD, "f"), -ENOTDIR);
    cr_assert_eq(file_open_directory_at(AT_FDCWD, "link"), -ENOTDIR);
    cr_assert_eq(file_open_directory_at(AT_FDCWD, "none"), -ENOENT);
}

Test(file, waits_for_a_lock_that_is_about_to_go) {
    make_file("lock", "");
    pid_t pid = fork();
    if (pid == 0) {
        int held = open("lock", O_RDONLY | O_CLOEXEC);
        _exit(flock(held, LOCK_EX) < 0 || symlink("x", "held") < 0 || usleep(300000) < 0);
    }
    while (faccessat(AT_FDCWD, "held", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        (void)usleep(1000);
    AUTO_CLOSE int fd = open("lock", O_RDONLY | O_CLOEXEC), other = open("lock", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(file_lock(fd), 0);
    cr_assert_eq(file_lock(other), -EWOULDBLOCK);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}
