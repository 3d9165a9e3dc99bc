// SPDX-License-Identifier: LGPL-2.1-or-later
// corrald: arguments, the surroundings of the process, and the agent.
#include "agent/agent.h"
#include "base/log.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] = "Usage: corrald [OPTION]...\n"
                           "Runs jobs, each in a cgroup of its own, and stops them wholly. Stays in the foreground.\n"
                           "\n"
                           "  --socket PATH        listen for clients here (/run/corral/io.corral)\n"
                           "  --state-dir DIR      keep the records here (/var/lib/corral)\n"
                           "  --runtime-dir DIR    keep what ends with the machine here (/run/corral)\n"
                           "  --cgroup-root DIR    run jobs below this cgroup (corral below the cgroup v2 mount)\n"
                           "  --launcher SOCKET    let this launcher start tasks instead of one of its own\n"
                           "  --config FILE        read settings from FILE\n"
                           "  --user               be the agent of one user, below systemd --user\n"
                           "  --help, --version    print this, or the version, and exit\n"
                           "\n"
                           "Tasks go on when corrald ends; the next one takes them over. See corrald(8).\n";

enum {
    OPTION_SOCKET = 256,
    OPTION_STATE_DIR,
    OPTION_RUNTIME_DIR,
    OPTION_CGROUP_ROOT,
    OPTION_LAUNCHER,
    OPTION_CONFIG,
    OPTION_USER,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    { "socket", required_argument, NULL, OPTION_SOCKET },
    { "state-dir", required_argument, NULL, OPTION_STATE_DIR },
    { "runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR },
    { "cgroup-root", required_argument, NULL, OPTION_CGROUP_ROOT },
    { "launcher", required_argument, NULL, OPTION_LAUNCHER },
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "user", no_argument, NULL, OPTION_USER },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { 0 },
};

static _Noreturn void wrong_usage(void) {
    fputs("Try 'corrald --help'.\n", stderr);
    exit(2);
}

static void parse_arguments(int argc, char **argv, AgentConfig *config, bool *ret_user) {
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (option) {
        case OPTION_SOCKET:
            config->socket_path = optarg;
            break;
        case OPTION_STATE_DIR:
            config->state_dir = optarg;
            break;
        case OPTION_RUNTIME_DIR:
            config->runtime_dir = optarg;
            break;
        case OPTION_CGROUP_ROOT:
            config->cgroup_root = optarg;
            break;
        case OPTION_LAUNCHER:
            config->launcher_socket = optarg;
            break;
        case OPTION_CONFIG:
            config->config_path = optarg;
            break;
        case OPTION_USER:
            *ret_user = true;
            break;
        case OPTION_HELP:
            fputs(help, stdout);
            exit(0);
        case OPTION_VERSION:
            puts("corrald " CORRAL_VERSION);
            exit(0);
        default:
            wrong_usage();
        }
    if (optind < argc) {
        fprintf(stderr, "corrald: unexpected argument '%s'\n", argv[optind]);
        wrong_usage();
    }
}

// A descriptor for each running attempt and each client: as many as the system lets us have. Tasks do not inherit this,
// the launcher sets their limits.
static void raise_descriptor_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void prepare_process(void) {
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(022);
    raise_descriptor_limit();
}

// What an option has not set.
static void set_default(const char **field, const char *value) {
    if (!*field)
        *field = value;
}

static const char *format_path(char path[static PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *format_path(char path[static PATH_MAX], const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(path, PATH_MAX, format, arguments);
    va_end(arguments);
    if (n < 0 || n >= PATH_MAX) {
        log_error("the name of a directory is too long");
        exit(1);
    }
    return path;
}

static void set_defaults(AgentConfig *config) {
    set_default(&config->socket_path, "/run/corral/io.corral");
    set_default(&config->state_dir, "/var/lib/corral");
    set_default(&config->runtime_dir, "/run/corral");
}

// Where the XDG base directories are, and where systemd --user puts the unit corral-jobs.service.
static void set_user_defaults(AgentConfig *config) {
    static char run[PATH_MAX - 32], socket[PATH_MAX], state[PATH_MAX], root[PATH_MAX];
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME"), *states = getenv("XDG_STATE_HOME");
    unsigned uid = geteuid();

    if (runtime && runtime[0] == '/')
        (void)snprintf(run, sizeof run, "%s/corral", runtime);
    else
        (void)snprintf(run, sizeof run, "/run/user/%u/corral", uid);
    if (states && states[0] == '/')
        (void)format_path(state, "%s/corral", states);
    else
        (void)format_path(state, "%s/.local/state/corral", home && home[0] == '/' ? home : "");
    set_default(&config->socket_path, format_path(socket, "%s/io.corral", run));
    set_default(&config->state_dir, state);
    set_default(&config->runtime_dir, run);
    set_default(&config->cgroup_root,
                format_path(root,
                            "/sys/fs/cgroup/user.slice/user-%u.slice/user@%u.service/app.slice/corral-jobs.service",
                            uid, uid));
}

int main(int argc, char **argv) {
    AgentConfig config = { 0 };
    bool user = false;
    Agent *agent;

    log_set_name("corrald");
    parse_arguments(argc, argv, &config, &user);
    if (user)
        set_user_defaults(&config);
    else
        set_defaults(&config);
    prepare_process();
    if (agent_new(&config, &agent) < 0)
        return 1;
    log_info("ready at %s", config.socket_path);
    int r = agent_run(agent);
    agent_free(agent);
    return r < 0 ? 1 : 0;
}
