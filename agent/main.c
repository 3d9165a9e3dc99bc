// SPDX-License-Identifier: LGPL-2.1-or-later
// corrald: arguments, the surroundings of the process, and the agent.
#include "agent/agent.h"
#include "base/log.h"

#include <getopt.h>
#include <signal.h>
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
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { 0 },
};

static _Noreturn void wrong_usage(void) {
    fputs("Try 'corrald --help'.\n", stderr);
    exit(2);
}

static void parse_arguments(int argc, char **argv, AgentConfig *config) {
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
    sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(022);
    raise_descriptor_limit();
}

int main(int argc, char **argv) {
    AgentConfig config = { .socket_path = "/run/corral/io.corral",
                           .state_dir = "/var/lib/corral",
                           .runtime_dir = "/run/corral" };
    Agent *agent;

    log_set_name("corrald");
    parse_arguments(argc, argv, &config);
    prepare_process();
    if (agent_new(&config, &agent) < 0)
        return 1;
    log_info("ready at %s", config.socket_path);
    int r = agent_run(agent);
    agent_free(agent);
    return r < 0 ? 1 : 0;
}
