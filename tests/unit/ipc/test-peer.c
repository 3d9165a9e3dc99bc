// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/peer.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define AUTO_PEER CLEANUP(ipc_peer_deinit)

Test(peer, is_this_process_on_a_socket_pair) {
    AUTO_PEER IpcPeer peer = { 0 };
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    cr_assert_eq(ipc_peer_init(&peer, fds[0]), 0);
    cr_assert_eq(peer.uid, getuid());
    cr_assert_eq(peer.gid, getgid());
    cr_assert_eq(peer.pid, getpid());
    cr_assert(ipc_peer_in_group(&peer, getgid()));
    close(fds[0]);
    close(fds[1]);
}

Test(peer, no_socket) {
    IpcPeer peer = { .uid = 42 };
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(ipc_peer_init(&peer, fds[0]), -ENOTSOCK);
    cr_assert_eq(peer.uid, 42);
    cr_assert_eq(ipc_peer_init(&peer, -1), -EBADF);
    close(fds[0]);
    close(fds[1]);
}

// Becomes somebody with many groups, more than fit the first guess, and makes a socket pair.
static void check_groups(size_t n) {
    AUTO_PEER IpcPeer peer = { 0 };
    gid_t groups[300];
    int fds[2];

    for (size_t i = 0; i < n; i++)
        groups[i] = 70000 + 2 * (gid_t)i;
    cr_assert_eq(setgroups(n, groups), 0);
    cr_assert_eq(setresgid(60001, 60001, 60001), 0);
    cr_assert_eq(setresuid(60000, 60000, 60000), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    cr_assert_eq(ipc_peer_init(&peer, fds[0]), 0);
    cr_assert_eq(peer.uid, 60000);
    cr_assert_eq(peer.gid, 60001);
    cr_assert_eq(peer.n_groups, n);
    cr_assert(ipc_peer_in_group(&peer, 60001));
    for (size_t i = 0; i < n; i++) {
        cr_assert(ipc_peer_in_group(&peer, 70000 + 2 * (gid_t)i));
        cr_assert_not(ipc_peer_in_group(&peer, 70001 + 2 * (gid_t)i));
    }
    cr_assert_not(ipc_peer_in_group(&peer, 0));
    close(fds[0]);
    close(fds[1]);
}

Test(peer, without_groups) {
    if (getuid() != 0)
        cr_skip("only root can become somebody else");
    check_groups(0);
}

Test(peer, with_few_groups) {
    if (getuid() != 0)
        cr_skip("only root can become somebody else");
    check_groups(5);
}

Test(peer, with_many_groups) {
    if (getuid() != 0)
        cr_skip("only root can become somebody else");
    check_groups(300);
}
