// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char directory[] = "/tmp/corral-test-listen-XXXXXX";
static char path[64];

static void setup(void) {
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chmod(directory, 0755), 0);
    snprintf(path, sizeof path, "%s/socket", directory);
}

static void teardown(void) {
    (void)unlink(path);
    (void)rmdir(directory);
}

TestSuite(listen, .init = setup, .fini = teardown);

static int connect_to_path(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0, "%s", strerror(errno));
    return fd;
}

Test(listen, serves_at_a_path) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int listener = -1;

    cr_assert_eq(ipc_listen_unix(path, 0666, &listener), 0);
    cr_assert_eq(fcntl(listener, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(ipc_server_listen(world.server, listener), 0);
    AUTO_CLOSE int fd = connect_to_path();
    say(fd, ECHO("hello"));
    world_settle(&world);
    expect(fd, ECHOED("hello"));
}

Test(listen, the_mode_does_not_depend_on_the_umask) {
    struct stat status;
    AUTO_CLOSE int listener = -1;

    (void)umask(077);
    cr_assert_eq(ipc_listen_unix(path, 0666, &listener), 0);
    cr_assert_eq(umask(022), 077);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0666);
}

Test(listen, a_stale_socket_is_replaced_and_a_living_one_is_not) {
    int first = -1, second = -1;

    cr_assert_eq(ipc_listen_unix(path, 0600, &first), 0);
    cr_assert_eq(ipc_listen_unix(path, 0600, &second), -EADDRINUSE);
    cr_assert_eq(second, -1);
    close(connect_to_path());
    close(first);
    cr_assert_eq(ipc_listen_unix(path, 0600, &second), 0);
    close(connect_to_path());
    close(second);
}

Test(listen, what_is_no_socket_is_left_alone) {
    struct stat status;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), listener;

    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(ipc_listen_unix(path, 0600, &listener), -EEXIST);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert(S_ISREG(status.st_mode));
}

Test(listen, impossible_paths) {
    char longer[200];
    int listener;

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cr_assert_eq(ipc_listen_unix(longer, 0600, &listener), -ENAMETOOLONG);
    cr_assert_eq(ipc_listen_unix("/nowhere/at/all", 0600, &listener), -ENOENT);
}

Test(listen, several_sockets) {
    AUTO_WORLD World world;
    world_init(&world, NULL);
    char other[80];
    int listener;

    snprintf(other, sizeof other, "%s/other", directory);
    cr_assert_eq(ipc_listen_unix(path, 0600, &listener), 0);
    cr_assert_eq(ipc_server_listen(world.server, listener), 0);
    cr_assert_eq(ipc_listen_unix(other, 0600, &listener), 0);
    cr_assert_eq(ipc_server_listen(world.server, listener), 0);
    AUTO_CLOSE int fd = connect_to_path();
    say(fd, ECHO("hello"));
    world_settle(&world);
    expect(fd, ECHOED("hello"));
    cr_assert_eq(ipc_server_connections(world.server), 1);
    cr_assert_eq(unlink(other), 0);
}

Test(listen, not_a_socket) {
    AUTO_WORLD World world;
    world_init(&world, NULL);

    cr_assert_eq(ipc_server_listen(world.server, -1), -EBADF);
}

// The kernel tells who connects: another user in another process, with groups.
Test(listen, knows_its_peer) {
    static const gid_t groups[] = { 60002, 60003 };
    AUTO_WORLD World world;
    world_init(&world, NULL);
    int listener, status;

    if (getuid() != 0)
        cr_skip("only root can become somebody else");
    cr_assert_eq(ipc_listen_unix(path, 0666, &listener), 0);
    cr_assert_eq(ipc_server_listen(world.server, listener), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(2, groups) < 0 || setresgid(60001, 60001, 60001) < 0 || setresuid(60000, 60000, 60000) < 0)
            _exit(1);
        int fd = connect_to_path();
        say(fd, "{\"method\":\"org.example.test.WhoAmI\",\"oneway\":true}");
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    // One turn: the groups are borrowed from the connection, which ends after the next.
    cr_assert_eq(ipc_server_dispatch(world.server), 0);
    cr_assert_eq(ipc_server_dispatch(world.server), 0);
    cr_assert_eq(world.peer.uid, 60000);
    cr_assert_eq(world.peer.gid, 60001);
    cr_assert_eq(world.peer.pid, child);
    cr_assert_eq(world.peer.n_groups, 2);
}
