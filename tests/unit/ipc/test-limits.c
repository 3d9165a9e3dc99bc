// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static int add(World *world, int *ret_fd) {
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    *ret_fd = fds[1];
    return ipc_server_add_connection(world->server, fds[0]);
}

static void check_limit(const IpcServerConfig *config, size_t allowed) {
    AUTO_WORLD World world;
    world_init(&world, config);
    int fds[40];

    for (size_t i = 0; i < allowed; i++)
        cr_assert_eq(add(&world, &fds[i]), 0);
    cr_assert_eq(add(&world, &fds[allowed]), -EUSERS);
    expect_end(fds[allowed]);
    cr_assert_eq(ipc_server_connections(world.server), allowed);
    // One that goes makes room for another.
    close(fds[0]);
    world_turn(&world);
    cr_assert_eq(add(&world, &fds[0]), 0);
    say(fds[0], ECHO("in"));
    world_settle(&world);
    expect(fds[0], ECHOED("in"));
    for (size_t i = 0; i <= allowed; i++)
        close(fds[i]);
}

Test(limits, connections_of_a_user) {
    check_limit(&(IpcServerConfig){ .message_max = 1000,
                                    .backlog_max = 1000,
                                    .connections_max = 100,
                                    .connections_per_uid_max = 3,
                                    .limit_root = true },
                3);
}

Test(limits, connections_in_total) {
    check_limit(&(IpcServerConfig){ .message_max = 1000,
                                    .backlog_max = 1000,
                                    .connections_max = 4,
                                    .connections_per_uid_max = 100,
                                    .limit_root = true },
                4);
}

Test(limits, some_are_kept_for_root) {
    check_limit(&(IpcServerConfig){ .message_max = 1000,
                                    .backlog_max = 1000,
                                    .connections_max = 32,
                                    .connections_per_uid_max = 100,
                                    .limit_root = true },
                30);
    if (getuid() == 0)
        check_limit(&(IpcServerConfig){ .message_max = 1000,
                                        .backlog_max = 1000,
                                        .connections_max = 32,
                                        .connections_per_uid_max = 1,
                                        .limit_root = false },
                    32);
}

// A listening socket at a temporary path, which is removed at once: the address is in the abstract namespace.
static int listen_abstract(struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "corral-test-limits-%d", (int)getpid());
    cr_assert_eq(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    cr_assert_eq(listen(fd, 100), 0);
    return fd;
}

static int connect_to(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

static bool wait_readable(int fd, int milliseconds) {
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    return poll(&poll_fd, 1, milliseconds) == 1;
}

Test(limits, clients_over_the_limit_are_let_go) {
    struct sockaddr_un address;
    AUTO_WORLD World world;
    world_init(&world, &(IpcServerConfig){ .message_max = 1000,
                                           .backlog_max = 1000,
                                           .connections_max = 10,
                                           .connections_per_uid_max = 2,
                                           .limit_root = true });
    cr_assert_eq(ipc_server_listen(world.server, listen_abstract(&address)), 0);
    int fds[5];

    for (int i = 0; i < 5; i++)
        fds[i] = connect_to(&address);
    world_settle(&world); // asserts that it does not spin
    cr_assert_eq(ipc_server_connections(world.server), 2);
    for (int i = 2; i < 5; i++)
        expect_end(fds[i]);
    say(fds[0], ECHO("in"));
    world_settle(&world);
    expect(fds[0], ECHOED("in"));
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}

// Without free descriptors the client waits in the queue; the loop of the server does not spin meanwhile.
Test(limits, too_few_descriptors_make_a_pause) {
    struct sockaddr_un address;
    struct rlimit before, none;
    AUTO_WORLD World world;
    world_init(&world, NULL);
    cr_assert_eq(ipc_server_listen(world.server, listen_abstract(&address)), 0);
    AUTO_CLOSE int first = connect_to(&address);
    world_settle(&world);
    AUTO_CLOSE int second = connect_to(&address);
    int lowest = fcntl(first, F_DUPFD_CLOEXEC, 0);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    close(lowest);
    none = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = ipc_server_dispatch(world.server);
    cr_assert_not(wait_readable(ipc_server_fd(world.server), 200), "the server spins");
    say(first, ECHO("served"));
    cr_assert_eq(ipc_server_dispatch(world.server), 0);
    ipc_server_release(world.server);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(r, -EMFILE);
    expect(first, ECHOED("served"));
    cr_assert(wait_readable(ipc_server_fd(world.server), 5000), "accepting does not go on");
    world_settle(&world);
    say(second, ECHO("at last"));
    world_settle(&world);
    expect(second, ECHOED("at last"));
}
