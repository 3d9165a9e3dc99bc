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
#include <unistd.h>

#include "agent/launcher/keeper.h"
#include "agent/launcher/launcher.h"
#include "agent/launcher/listen.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"

#define EXIT_USAGE 2
#define GROUPS_PROGRAM "corral-groups"

static int arg_fd = -1;
static const char *arg_socket, *arg_cgroup_root, *arg_config;
static uint64_t arg_uid = UINT64_MAX;
static bool arg_listen, arg_keep;

static void print_help(void) {
    (void)puts("Usage: corral-launcher --fd N\n"
               "       corral-launcher --listen --cgroup-root DIR [--config FILE]\n"
               "       corral-launcher --socket PATH --uid UID --cgroup-root DIR [--config FILE]\n"
               "       corral-launcher --keep [--cgroup-root DIR]\n"
               "\n"
               "Starts the tasks of the Corral agent. It is started by the agent or by the service manager.\n"
               "\n"
               "  --fd N             talk to the agent over this inherited socket\n"
               "  --listen           listen for the agent on the socket that the service manager passes\n"
               "  --socket PATH      listen for the agent here\n"
               "  --uid UID          the user that may connect there, besides root\n"
               "  --cgroup-root DIR  start tasks below DIR/jobs alone, and reapers in DIR/launcher\n"
               "  --config FILE      read from FILE whose tasks may be started\n"
               "  --keep             do nothing but keep the cgroup of this process alive\n"
               "  --help             show this\n"
               "  --version          show the version");
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

// Exactly one of the four forms.
static bool arguments_make_sense(void) {
    bool listens = arg_listen || arg_socket;
    int forms = (arg_fd >= 0) + arg_listen + (arg_socket != NULL) + arg_keep;

    return forms == 1 && (arg_socket != NULL) == (arg_uid != UINT64_MAX) &&
           (arg_keep || listens == (arg_cgroup_root != NULL)) && (listens || !arg_config);
}

// Returns 0 to go on, 1 when all is done, negative when the usage is wrong.
static int parse_arguments(int argc, char **argv) {
    static const struct option options[] = {
        { "fd", required_argument, NULL, 'f' },
        { "listen", no_argument, NULL, 'l' },
        { "socket", required_argument, NULL, 's' },
        { "uid", required_argument, NULL, 'u' },
        { "cgroup-root", required_argument, NULL, 'r' },
        { "config", required_argument, NULL, 'c' },
        { "keep", no_argument, NULL, 'k' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { 0 },
    };
    uint64_t fd = 0;
    int r = 0;

    for (int c; r >= 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
        switch (c) {
        case 'f':
            r = parse_number("--fd", optarg, INT_MAX, &fd);
            arg_fd = (int)fd;
            break;
        case 'l':
            arg_listen = true;
            break;
        case 's':
            arg_socket = optarg;
            break;
        case 'u':
            r = parse_number("--uid", optarg, UINT32_MAX - 1, &arg_uid);
            break;
        case 'r':
            arg_cgroup_root = optarg;
            break;
        case 'c':
            arg_config = optarg;
            break;
        case 'k':
            arg_keep = true;
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
    if (r >= 0 && (optind < argc || !arguments_make_sense())) {
        log_error("These options do not go together; see --help.");
        r = -EINVAL;
    }
    return r;
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

// Beside our own program: what stands there was installed with it.
static int find_groups_program(char path[static PATH_MAX]) {
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(GROUPS_PROGRAM));
    if (n < 0)
        return -errno;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return -ENOENT;
    memcpy(slash + 1, GROUPS_PROGRAM, sizeof(GROUPS_PROGRAM));
    return access(path, X_OK) < 0 ? -errno : 0;
}

// One that listens serves an agent that is somebody else: it has a policy, and takes no groups on the agent's word.
static int prepare_listening(LauncherConfig *config, char groups_program[static PATH_MAX]) {
    config->agent_fd = -1;
    config->cgroup_root = arg_cgroup_root;
    config->policy = POLICY_DEFAULT;
    config->policy_path = arg_config;
    config->agent_uid = (uid_t)arg_uid;
    int r = arg_config ? policy_read(arg_config, &config->policy) : 0;
    if (r < 0)
        return r; // it has been told
    r = find_groups_program(groups_program);
    if (r < 0)
        return log_errno(LOG_ERR, r, "Cannot use %s", groups_program);
    config->groups_program = groups_program;
    r = arg_socket ? listen_at(arg_socket, config->agent_uid, &config->listen_fd)
                   : listen_inherited(&config->listen_fd, &config->agent_uid);
    return r < 0 ? log_errno(LOG_ERR, r, "Cannot listen on %s", arg_socket ? arg_socket : "the socket passed") : 0;
}

static int prepare(LauncherConfig *config, char groups_program[static PATH_MAX]) {
    int r = open_standard_streams();
    if (r < 0)
        return log_errno(LOG_ERR, r, "Cannot open /dev/null");
    if (chdir("/") < 0)
        return log_errno(LOG_ERR, -errno, "Cannot enter the root directory");
    if (arg_fd < 0)
        return prepare_listening(config, groups_program);
    r = check_inherited(arg_fd);
    return r < 0 ? log_errno(LOG_ERR, r, "Cannot use the inherited socket") : 0;
}

int main(int argc, char **argv) {
    static char groups_program[PATH_MAX];

    log_set_name("corral-launcher");
    int r = parse_arguments(argc, argv);
    if (r != 0)
        return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
    (void)umask(0077);
    if (arg_keep)
        return keeper_run(arg_cgroup_root);

    LauncherConfig config = { .agent_fd = arg_fd, .listen_fd = -1, .policy = POLICY_ALL, .title = argv[0] };
    if (geteuid() != 0) // could not become anybody else
        config.policy = POLICY_ONLY(geteuid());
    config.title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
    if (prepare(&config, groups_program) < 0)
        return EXIT_FAILURE;
    int status = launcher_run(&config);
    if (arg_socket)
        (void)unlink(arg_socket);
    return status;
}
