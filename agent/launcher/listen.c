// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define BACKLOG 8
#define PASSED_FD 3 // SD_LISTEN_FDS_START

static int remove_stale(const char *path) {
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    return unlink(path) < 0 ? -errno : 0;
}

int listen_at(const char *path, uid_t uid, int *ret_fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
        return -EINVAL;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int r = remove_stale(path);
    if (r < 0)
        return r;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    if ((uid != geteuid() && lchown(path, uid, (gid_t)-1) < 0) || listen(fd, BACKLOG) < 0) {
        r = -errno;
        (void)unlink(path);
        return r;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int check_passed(void) {
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    uint64_t value;

    if (!pid || parse_uint64(pid, &value) < 0 || value != (uint64_t)getpid())
        return -ENOTCONN;
    if (!n || parse_uint64(n, &value) < 0 || value != 1)
        return -ENOTCONN;
    return 0;
}

int listen_inherited(int *ret_fd, uid_t *ret_uid) {
    struct sockaddr_un address;
    socklen_t address_size = sizeof(address), size = sizeof(int);
    struct stat st;
    int type, listens;

    int r = check_passed();
    if (r < 0)
        return r;
    if (getsockopt(PASSED_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        getsockopt(PASSED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
        getsockname(PASSED_FD, (struct sockaddr *)&address, &address_size) < 0)
        return -errno;
    if (type != SOCK_SEQPACKET || !listens || address.sun_family != AF_UNIX || address.sun_path[0] != '/')
        return -EPROTOTYPE;
    if (lstat(address.sun_path, &st) < 0 || fcntl(PASSED_FD, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(PASSED_FD, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    *ret_fd = PASSED_FD;
    *ret_uid = st.st_uid;
    return 0;
}
