// SPDX-License-Identifier: LGPL-2.1-or-later
// corral-launcher: see corral-launcher(8).
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/launcher/launcher.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"

#define EXIT_USAGE 2

static int arg_fd = -1;
static const char *arg_socket;
static uint64_t arg_uid = UINT64_MAX;

static void print_help(void) {
    (void)puts("corral-launcher --fd N\n"
               "corral-launcher --socket PATH --uid UID\n"
               "\n"
               "Starts the tasks of the Corral agent. It is started by the agent or by the service manager.\n"
               "\n"
               "  --fd N         talk to the agent over this inherited socket\n"
               "  --socket PATH  listen there for the agent\n"
               "  --uid UID      the user that may connect, besides root\n"
               "  --help         show this\n"
               "  --version      show the version");
}

static int parse_number(const char *option, const char *text, uint64_t max, uint64_t *ret) {
    uint64_t value;

    int r = parse_uint64(text, &value);
    if (r < 0 || value > max) {
        log_error("%s: not a number from 0 to %llu: %s", option, (unsigned long long)max, text);
        return -EINVAL;
    }
    *ret = value;
    return 0;
}

// Returns 0 to go on, 1 when all is done, negative when the usage is wrong.
static int parse_arguments(int argc, char **argv) {
    static const struct option options[] = {
        { "fd", required_argument, NULL, 'f' },  { "socket", required_argument, NULL, 's' },
        { "uid", required_argument, NULL, 'u' }, { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },   { 0 },
    };
    uint64_t fd = 0;
    int r = 0;

    for (int c; r >= 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
        switch (c) {
        case 'f':
            r = parse_number("--fd", optarg, INT_MAX, &fd);
            arg_fd = (int)fd;
            break;
        case 's':
            arg_socket = optarg;
            break;
        case 'u':
            r = parse_number("--uid", optarg, UINT32_MAX - 1, &arg_uid);
            break;
        case 'h':
            print_help();
            return 1;
        case 'v':
            (void)puts("corral-launcher " CORRAL_VERSION);
            return 1;
        default:
            return -EINVAL;
        }
    if (r < 0)
        return r;
    if (optind < argc || (arg_fd >= 0) == (arg_socket != NULL) || (arg_socket != NULL) != (arg_uid != UINT64_MAX)) {
        log_error("Either --fd, or --socket and --uid, and nothing else; see --help.");
        return -EINVAL;
    }
    return 0;
}

// A task's streams are put at 0, 1 and 2: nothing of ours may be there.
static int open_standard_streams(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    return 0;
}

static int check_inherited(int fd) {
    int type;
    socklen_t size = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return -errno;
    if (fd <= STDERR_FILENO || type != SOCK_SEQPACKET)
        return -EPROTOTYPE;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

// A socket left by an earlier launcher is replaced; any other file there is not.
static int remove_stale(const char *path) {
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    return unlink(path) < 0 ? -errno : 0;
}

static int listen_at(const char *path, uid_t uid, int *ret_fd) {
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
    if ((uid != geteuid() && lchown(path, uid, (gid_t)-1) < 0) || listen(fd, 8) < 0) {
        r = -errno;
        (void)unlink(path);
        return r;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int main(int argc, char **argv) {
    log_set_name("corral-launcher");
    int r = parse_arguments(argc, argv);
    if (r != 0)
        return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;

    LauncherConfig config = { .agent_fd = arg_fd, .listen_fd = -1, .agent_uid = (uid_t)arg_uid, .title = argv[0] };
    config.title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);

    (void)umask(0077);
    r = open_standard_streams();
    if (r >= 0 && arg_socket)
        r = listen_at(arg_socket, config.agent_uid, &config.listen_fd);
    else if (r >= 0)
        r = check_inherited(arg_fd);
    if (r < 0)
        return log_errno(LOG_ERR, r, "Cannot use %s", arg_socket ? arg_socket : "the inherited socket"), EXIT_FAILURE;
    if (chdir("/") < 0)
        return log_errno(LOG_ERR, -errno, "Cannot enter the root directory"), EXIT_FAILURE;

    int status = launcher_run(&config);
    if (arg_socket)
        (void)unlink(arg_socket);
    return status;
}
