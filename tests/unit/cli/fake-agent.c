// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/cli/fake-agent.h"

#include "base/cleanup.h"
#include "cli/program.h"
#include "ipc/idl.h"
#include "ipc/interfaces.h"
#include "ipc/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define INTERFACE "io.corral.Jobs."
#define METHODS_MAX 64
#define ANSWERS_MAX 32
#define PATIENCE 20 // seconds

// The state of the agent's process.
typedef struct Script {
    const FakeAnswer *answers;
    size_t n_answers;
    bool given[ANSWERS_MAX];
    int calls_fd;
    bool dying;
} Script;

// A failure in the agent's process: the command's test sees its end.
static void require(bool condition, const char *what) {
    if (condition)
        return;
    fprintf(stderr, "fake agent: %s\n", what);
    _exit(1);
}

static void log_call(const Script *script, const char *method, const json_t *parameters) {
    AUTO_FREE char *text = json_dumps(parameters, JSON_SORT_KEYS | JSON_COMPACT);

    require(text && dprintf(script->calls_fd, "%s %s\n", method, text) > 0, "cannot note a call");
}

static json_t *parse(const char *text) {
    json_t *value = json_loads(text, 0, NULL);

    require(value != NULL, text);
    return value;
}

static void reply_line(IpcCall *call, const char *line, bool final) {
    const char *object = strchr(line, '{');

    if (line[0] != '{') {
        AUTO_FREE char *error = NULL;
        require(asprintf(&error, INTERFACE "%.*s", (int)strcspn(line, " "), line) > 0, "out of memory");
        ipc_call_error(call, error, object ? parse(object) : NULL);
    } else if (final) {
        ipc_call_reply(call, parse(line));
    } else {
        ipc_call_reply_more(call, parse(line));
    }
}

static void give(Script *script, IpcCall *call, const FakeAnswer *answer) {
    AUTO_FREE char *copy = strdup(answer->replies ? answer->replies : "");
    char *rest = copy, *line;

    while (copy[0] && (line = strsep(&rest, "\n")))
        reply_line(call, line, !rest && (answer->then == FAKE_FINAL || !ipc_call_more(call)));
    script->dying = answer->then == FAKE_DIE;
}

static int handle(IpcCall *call, const json_t *parameters, void *userdata) {
    const char *method = ipc_call_method(call) + strlen(INTERFACE);
    Script *script = userdata;

    log_call(script, method, parameters);
    for (size_t i = 0; i < script->n_answers; i++)
        if (!script->given[i] && strcmp(script->answers[i].method, method) == 0) {
            script->given[i] = true;
            give(script, call, &script->answers[i]);
            return 0;
        }
    return ipc_call_error(call, INTERFACE "InternalError", json_pack("{s:s}", "reason", "not in the script"));
}

static IpcServer *make_server(Script *script, int fd) {
    static IpcMethod methods[METHODS_MAX];
    const IpcServerConfig config = {
        .vendor = "test", .product = "fake", .version = "0", .url = "test:", IPC_SERVER_CONFIG_DEFAULT
    };
    const char *text = ipc_interface_text_io_corral_jobs;
    CLEANUP(cleanup_ipc_interface_free) IpcInterface *interface = NULL;
    IpcServer *server = NULL;
    size_t n = 0;

    require(ipc_interface_parse(text, strlen(text), &interface, NULL, 0) == 0, "cannot parse the interface");
    for (; ipc_interface_method_at(interface, n); n++)
        methods[n] =
            (IpcMethod){ .name = strdup(ipc_method_name(ipc_interface_method_at(interface, n))), .handler = handle };
    require(ipc_server_new(&config, &server) == 0 && ipc_server_add_interface(server, text, methods, n, script) == 0 &&
                ipc_server_listen(server, fd) == 0,
            "cannot serve");
    return server;
}

static _Noreturn void serve(Script *script, const char *path, int fd) {
    for (;;) {
        IpcServer *server = make_server(script, fd);
        while (!script->dying) {
            struct pollfd polled = { .fd = ipc_server_fd(server), .events = POLLIN };
            require(poll(&polled, 1, -1) > 0, "cannot poll");
            require(ipc_server_dispatch(server) >= 0, "cannot dispatch");
            ipc_server_release(server);
        }
        (void)ipc_server_dispatch(server); // what was answered reaches its client
        (void)ipc_server_free(server);
        (void)unlink(path);
        usleep(500 * 1000);
        script->dying = false;
        require(ipc_listen_unix(path, 0600, &fd) == 0, "cannot listen again");
    }
}

static void file_path(const FakeAgent *agent, const char *name, char ret[static 96]) {
    (void)snprintf(ret, 96, "%s/%s", agent->directory, name);
}

void fake_agent_start(FakeAgent *agent, const FakeAnswer *answers, size_t n_answers) {
    char path[96];
    int fd;

    cr_assert_leq(n_answers, ANSWERS_MAX);
    strcpy(agent->directory, "/tmp/corral-cli-XXXXXX");
    cr_assert(mkdtemp(agent->directory));
    (void)snprintf(agent->socket, sizeof agent->socket, "%s/socket", agent->directory);
    cr_assert_eq(ipc_listen_unix(agent->socket, 0600, &fd), 0);
    agent->pid = fork();
    cr_assert_geq(agent->pid, 0);
    if (agent->pid == 0) {
        Script script = { .answers = answers, .n_answers = n_answers };
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        file_path(agent, "calls", path);
        script.calls_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        require(script.calls_fd >= 0, path);
        serve(&script, agent->socket, fd);
    }
    (void)close_fd(fd);
}

void fake_agent_stop(FakeAgent *agent) {
    static const char *const names[] = { "socket", "calls", "input", "output", "errors" };
    char path[96];

    (void)kill(agent->pid, SIGKILL);
    (void)waitpid(agent->pid, NULL, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file_path(agent, names[i], path);
        (void)unlink(path);
    }
    (void)rmdir(agent->directory);
}

static char *read_whole(const FakeAgent *agent, const char *name) {
    char path[96], *text = NULL;
    size_t size = 0;

    file_path(agent, name, path);
    FILE *file = fopen(path, "re");
    if (!file || getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    if (file)
        (void)fclose(file);
    return text;
}

char *fake_agent_calls(const FakeAgent *agent) {
    return read_whole(agent, "calls");
}

void fake_agent_expect_call(const FakeAgent *agent, const char *text) {
    for (int i = 0; i < PATIENCE * 100; i++) {
        AUTO_FREE char *calls = fake_agent_calls(agent);
        if (strstr(calls, text))
            return;
        usleep(10 * 1000);
    }
    AUTO_FREE char *calls = fake_agent_calls(agent);
    cr_assert_fail("no call '%s' in:\n%s", text, calls);
}

static void redirect(const FakeAgent *agent, const char *name, int flags, int target) {
    char path[96];

    file_path(agent, name, path);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, target) < 0)
        _exit(125);
    (void)close(fd);
}

// Makes standard output a pipe without a reader.
static void leave_unread(void) {
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        _exit(125);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static _Noreturn void run_command(const FakeAgent *agent, const char *const *arguments, bool unread) {
    char *argv[64] = { (char *)"corral" };
    int argc = 1;

    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    redirect(agent, "input", O_RDONLY, STDIN_FILENO);
    redirect(agent, "output", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    redirect(agent, "errors", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    if (unread)
        leave_unread();
    (void)setenv("CORRAL_SOCKET", agent->socket, 1);
    (void)setenv("TZ", "UTC", 1);
    (void)alarm(PATIENCE);
    int status = program_main(argc, argv);
    (void)fflush(NULL);
    _exit(status);
}

static int start(const FakeAgent *agent, const char *input, const char *const *arguments, bool unread) {
    char path[96];

    file_path(agent, "input", path);
    FILE *file = fopen(path, "we");
    cr_assert(file && fputs(input, file) >= 0 && fclose(file) == 0);
    int pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0)
        run_command(agent, arguments, unread);
    return pid;
}

int command_start(const FakeAgent *agent, const char *input, const char *const *arguments) {
    return start(agent, input, arguments, false);
}

int command_start_unread(const FakeAgent *agent, const char *const *arguments) {
    return start(agent, "", arguments, true);
}

CommandResult command_finish(const FakeAgent *agent, int pid) {
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "the command was killed by signal %d", WTERMSIG(status));
    return (CommandResult){ .status = WEXITSTATUS(status),
                            .output = read_whole(agent, "output"),
                            .errors = read_whole(agent, "errors") };
}

CommandResult command_run(const FakeAgent *agent, const char *input, const char *const *arguments) {
    return command_finish(agent, command_start(agent, input, arguments));
}

void command_result_deinit(CommandResult *result) {
    free(result->output);
    free(result->errors);
}

void command_expect(CommandResult result, int status, const char *output, const char *errors) {
    cr_expect_eq(result.status, status, "exit status %d: %s", result.status, result.errors);
    if (output)
        cr_expect_str_eq(result.output, output);
    cr_expect(errors[0] ? strstr(result.errors, errors) != NULL : result.errors[0] == '\0', "errors: '%s'",
              result.errors);
    command_result_deinit(&result);
}

void fake_agent_expect_calls(const FakeAgent *agent, const char *expected) {
    AUTO_FREE char *calls = fake_agent_calls(agent);

    cr_expect_str_eq(calls, expected);
}
