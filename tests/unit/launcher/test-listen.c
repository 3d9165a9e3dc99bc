// SPDX-License-Identifier: LGPL-2.1-or-later
// The socket of the launcher: made by itself, or passed by a service manager. And what it tells that.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/listen.h"
#include "agent/launcher/notify.h"

static char directory[] = "/tmp/corral-test-listen-XXXXXX";
static char path[64];

static void set_up(void) {
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
}

static void tear_down(void) {
    (void)unlink(path);
    cr_expect_eq(rmdir(directory), 0);
}

TestSuite(listen, .init = set_up, .fini = tear_down, .timeout = 30);

Test(listen, at_a_path) {
    struct stat st;
    int fd = -1, again = -1;

    cr_assert_eq(listen_at(path, geteuid(), &fd), 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(lstat(path, &st), 0);
    cr_assert(S_ISSOCK(st.st_mode));
    // One that was left is replaced.
    cr_assert_eq(listen_at(path, geteuid(), &again), 0);
    (void)close(fd);
    (void)close(again);
}

Test(listen, given_to_a_user) {
    struct stat st;
    int fd = -1;

    if (geteuid() != 0)
        cr_skip_test("needs root to give a socket away");
    cr_assert_eq(listen_at(path, 1234, &fd), 0);
    cr_assert_eq(lstat(path, &st), 0);
    cr_assert_eq(st.st_uid, 1234);
    (void)close(fd);
}

Test(listen, not_over_other_files) {
    int fd = -1, file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)close(file);
    cr_assert_eq(listen_at(path, geteuid(), &fd), -EEXIST);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/tmp", path), 0);
    cr_assert_eq(listen_at(path, geteuid(), &fd), -EEXIST);
    cr_assert_eq(listen_at("relative", geteuid(), &fd), -EINVAL);
    cr_assert_eq(fd, -1);
}

// ---- passed ----

static int make_socket(int type, bool listening) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type, 0);

    (void)strcpy(address.sun_path, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (listening)
        cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

// What listen_inherited() says in a process that has fd as the one passed.
static int take(int fd, const char *pid, const char *n, uid_t *ret_uid) {
    int pipes[2], answer[2] = { 0 };

    cr_assert_eq(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        char own[16];
        int taken = -1, out = fcntl(pipes[1], F_DUPFD_CLOEXEC, 100);
        uid_t uid = 0;

        (void)snprintf(own, sizeof(own), "%d", getpid());
        (void)dup2(fd, 3);
        if (n)
            (void)setenv("LISTEN_FDS", n, 1);
        if (pid)
            (void)setenv("LISTEN_PID", strcmp(pid, "own") == 0 ? own : pid, 1);
        answer[0] = listen_inherited(&taken, &uid);
        answer[1] = (int)uid;
        if (answer[0] == 0 && (taken != 3 || fcntl(3, F_GETFD) != FD_CLOEXEC))
            answer[0] = -EPROTO;
        _exit(write(out, answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
    }
    cr_assert_eq(read(pipes[0], answer, sizeof(answer)), sizeof(answer));
    cr_assert_eq(waitpid(child, NULL, 0), child);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    *ret_uid = (uid_t)answer[1];
    return answer[0];
}

Test(listen, on_the_socket_passed) {
    int fd = make_socket(SOCK_SEQPACKET, true);
    uid_t uid;

    if (geteuid() == 0)
        cr_assert_eq(lchown(path, 1234, 0), 0);
    cr_assert_eq(take(fd, "own", "1", &uid), 0);
    cr_assert_eq(uid, geteuid() == 0 ? 1234 : geteuid());
    cr_assert_eq(take(fd, "1", "1", &uid), -ENOTCONN); // for somebody else
    cr_assert_eq(take(fd, "own", "2", &uid), -ENOTCONN);
    cr_assert_eq(take(fd, "own", "0", &uid), -ENOTCONN);
    cr_assert_eq(take(fd, "own", NULL, &uid), -ENOTCONN);
    cr_assert_eq(take(fd, NULL, "1", &uid), -ENOTCONN);
    cr_assert_eq(take(fd, "x", "1", &uid), -ENOTCONN);
}

Test(listen, not_on_another_kind) {
    uid_t uid;

    int fd = make_socket(SOCK_STREAM, true);
    cr_assert_eq(take(fd, "own", "1", &uid), -EPROTOTYPE);
    (void)close(fd);
    (void)unlink(path);
    fd = make_socket(SOCK_SEQPACKET, false);
    cr_assert_eq(take(fd, "own", "1", &uid), -EPROTOTYPE);
    (void)close(fd);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(take(fd, "own", "1", &uid), -ENOTSOCK);
    (void)close(fd);
}

// ---- notify ----

Test(listen, tells_the_service_manager) {
    char text[64] = "";
    int fd = make_socket(SOCK_DGRAM, false);

    (void)setenv("NOTIFY_SOCKET", path, 1);
    notify("READY=1\nSTATUS=fine");
    cr_assert_eq(recv(fd, text, sizeof(text), MSG_DONTWAIT), 19);
    cr_assert_str_eq(text, "READY=1\nSTATUS=fine");
    // Nobody there, or nothing sensible: nothing happens.
    (void)close(fd);
    notify("READY=1");
    (void)setenv("NOTIFY_SOCKET", "relative", 1);
    notify("READY=1");
    (void)unsetenv("NOTIFY_SOCKET");
    notify("READY=1");
}

Test(listen, tells_an_abstract_socket) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char name[64], text[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(name, sizeof(name), "@corral-test-%d", getpid());
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, (socklen_t)(sizeof(sa_family_t) + strlen(name))), 0);
    (void)setenv("NOTIFY_SOCKET", name, 1);
    notify("READY=1");
    cr_assert_eq(recv(fd, text, sizeof(text), MSG_DONTWAIT), 7);
    (void)close(fd);
}
