// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/shortage.h"

#define SPARE_FDS 6 // for the claim, and to look around

// Takes over every descriptor, wanted or not: what is not kept has to be closed.
static int take_fds(struct msghdr *message, Packet *packet) {
    int r = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            r = -EBADMSG;
            continue;
        }
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (packet->n_fds < PACKET_FDS_MAX) {
                packet->fds[packet->n_fds++] = fd;
            } else {
                (void)close(fd);
                r = -EBADMSG;
            }
        }
    }
    return r;
}

int packet_receive(int fd, Packet *ret) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * PACKET_FDS_MAX)];
    struct iovec data = { .iov_base = ret->bytes, .iov_len = sizeof(ret->bytes) };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    ssize_t n;

    // The kernel drops the descriptors that cannot be had, and the message would be lost.
    int r = shortage_check_descriptors(PACKET_FDS_MAX + SPARE_FDS);
    if (r < 0)
        return r;
    do
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;

    ret->size = (size_t)n;
    ret->n_fds = 0;
    r = take_fds(&message, ret);
    if (n == 0 || r < 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        bool end = n == 0 && ret->n_fds == 0 && r == 0;

        packet_close(ret);
        return end ? 0 : -EBADMSG;
    }
    return 1;
}

void packet_close(Packet *packet) {
    for (size_t i = 0; i < packet->n_fds; i++)
        packet->fds[i] = close_fd(packet->fds[i]);
    packet->n_fds = 0;
}
