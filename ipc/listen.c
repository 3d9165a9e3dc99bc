// SPDX-License-Identifier: LGPL-2.1-or-later
// Making the socket that clients connect to.
#include "ipc/server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define QUEUE_LENGTH 512

// 0 when nobody listens at the address, -EADDRINUSE when somebody does; or why that cannot be told.
static int check_stale(const struct sockaddr_un *address) {
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    // EAGAIN: somebody listens, with a full queue.
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
        return -EADDRINUSE;
    return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int remove_stale(const struct sockaddr_un *address) {
    struct stat status;

    if (lstat(address->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int r = check_stale(address);
    if (r < 0)
        return r;
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

// The file has its mode from the first moment on: bind() takes it from the umask alone.
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode) {
    mode_t before = umask(~mode & 0777);
    int r = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;

    (void)umask(before);
    return r;
}

int ipc_listen_unix(const char *path, mode_t mode, int *ret_fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int r = remove_stale(&address);
    if (r >= 0)
        r = bind_with_mode(fd, &address, mode);
    if (r < 0)
        return r;
    if (listen(fd, QUEUE_LENGTH) < 0) {
        r = -errno;
        (void)unlink(path);
        return r;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}
