// SPDX-License-Identifier: LGPL-2.1-or-later
// The socket on which a launcher waits for its agent.
#pragma once

#include <sys/types.h>

// Makes a socket at an absolute path that uid may connect to; one left by an earlier launcher is replaced, any other
// file is not. Negative errno.
int listen_at(const char *path, uid_t uid, int *ret_fd);

// Takes the one socket that the service manager has passed (sd_listen_fds(3)), and tells whose it is: the owner of its
// file may connect. Negative errno; -ENOTCONN when none was passed, -EPROTOTYPE when it is of another kind.
int listen_inherited(int *ret_fd, uid_t *ret_uid);
