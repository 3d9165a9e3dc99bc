// SPDX-License-Identifier: LGPL-2.1-or-later
// Corral against the raw limit, in turns, so that a machine whose speed drifts slows both. Called by tests/bench/run.
#include "base/cleanup.h"
#include "base/file.h"
#include "ipc/client.h"
#include "tests/bench/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT 100
#define ROUNDS 7

typedef struct Bench {
    const char *socket;
    const char *program; // our own path, for the sleepers
    int root_fd;         // of the agent's cgroups
    int raw_fd;          // a cgroup for the raw measurements
} Bench;

static IpcClient *connect_to(const Bench *bench) {
    IpcClient *client;
    int r = ipc_client_connect(bench->socket, &client);

    if (r < 0) {
        errno = -r;
        bench_die("connect");
    }
    return client;
}

static void receive(IpcClient *client, IpcReply *reply) {
    int r = ipc_client_receive(client, reply);

    if (r < 0) {
        errno = -r;
        bench_die("receive");
    }
    if (reply->error) {
        fprintf(stderr, "bench: %s\n", reply->error);
        exit(1);
    }
}

static void send_true(IpcClient *client) {
    if (ipc_client_send(client, "io.corral.Jobs.QueueJob",
                        json_pack("{s:{s:[{s:[s]}]}}", "job", "tasks", "command", "/bin/true"), 0) < 0)
        bench_die("send");
}

// Submits n jobs on one connection with IN_FLIGHT calls unanswered, and watches on another until all are durably over.
static uint64_t corral_run(const Bench *bench, size_t n) {
    IpcClient *client = connect_to(bench), *watcher = connect_to(bench);
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    size_t sent = 0, ended = 0;

    if (ipc_client_send(watcher, "io.corral.Jobs.Watch", NULL, IPC_CALL_MORE) < 0)
        bench_die("send");
    do
        receive(watcher, &reply);
    while (!json_object_get(reply.parameters, "cursor") || json_is_null(json_object_get(reply.parameters, "cursor")));

    uint64_t begin = bench_now();
    while (sent < n && sent < IN_FLIGHT)
        send_true(client), sent++;
    for (size_t answered = 0; answered < n; answered++) {
        receive(client, &reply);
        if (sent < n)
            send_true(client), sent++;
    }
    while (ended < n) {
        receive(watcher, &reply);
        const json_t *entry = json_object_get(reply.parameters, "entry");
        const char *to = json_string_value(json_object_get(entry, "to"));
        if (to && json_is_null(json_object_get(entry, "task")) && strcmp(to, "finished") == 0)
            ended++;
    }
    uint64_t end = bench_now();
    ipc_client_free(client);
    ipc_client_free(watcher);
    return end - begin;
}

static size_t processes_of(const Bench *bench, json_int_t job) {
    char path[128], text[64 * 1024];
    size_t lines = 0;

    snprintf(path, sizeof path, "jobs/%" JSON_INTEGER_FORMAT ".1/1.1/cgroup.procs", job);
    if (file_read_at(bench->root_fd, path, text, sizeof text) < 0)
        return 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    return lines;
}

static uint64_t corral_cancel(const Bench *bench, size_t n) {
    CLEANUP(cleanup_ipc_client_free) IpcClient *client = connect_to(bench);
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    char number[24];

    snprintf(number, sizeof number, "%zu", n);
    if (ipc_client_call(
            client, "io.corral.Jobs.QueueJob",
            json_pack("{s:{s:[{s:[s,s,s]}]}}", "job", "tasks", "command", bench->program, "sleepers", number),
            &reply) < 0 ||
        reply.error)
        bench_die("QueueJob");
    json_int_t job = json_integer_value(json_object_get(reply.parameters, "id"));
    while (processes_of(bench, job) < n)
        usleep(1000);
    usleep(20000);

    uint64_t begin = bench_now();
    if (ipc_client_call(client, "io.corral.Jobs.CancelJobs", json_pack("{s:[I]}", "jobs", job), &reply) < 0 ||
        reply.error)
        bench_die("CancelJobs");
    return bench_now() - begin;
}

static int compare(const void *a, const void *b) {
    const uint64_t *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

static uint64_t median(uint64_t *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void print_row(const char *what, uint64_t raw, uint64_t corral, double limit) {
    printf("%-28s %9" PRIu64 " us %9" PRIu64 " us %7.2f   %s %.0f us\n", what, raw, corral,
           (double)corral / (double)raw, (double)corral <= limit ? "within" : "OVER", limit);
}

static void bench_run(const Bench *bench, size_t n) {
    uint64_t raw[ROUNDS], corral[ROUNDS];

    (void)corral_run(bench, IN_FLIGHT);
    for (size_t i = 0; i < ROUNDS; i++) {
        raw[i] = raw_run(bench->raw_fd, n) / n;
        corral[i] = corral_run(bench, n) / n;
    }
    uint64_t limit = 2 * median(raw);
    print_row("a job of true, durable", median(raw), median(corral), (double)limit);
}

static void bench_cancel(const Bench *bench, size_t n) {
    uint64_t raw[ROUNDS], corral[ROUNDS];
    char what[64];

    for (size_t i = 0; i < ROUNDS; i++) {
        raw[i] = raw_cancel(bench->raw_fd, n);
        corral[i] = corral_cancel(bench, n);
    }
    snprintf(what, sizeof what, "cancel of %zu process%s", n, n == 1 ? "" : "es");
    uint64_t limit = median(raw) * 3 / 2 + 1000;
    print_row(what, median(raw), median(corral), (double)limit);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "sleepers") == 0)
        become_sleepers(strtoul(argv[2], NULL, 10));
    if (argc != 5) {
        fprintf(stderr, "Usage: bench SOCKET AGENT-CGROUP RAW-CGROUP JOBS | bench sleepers N\n");
        return 2;
    }
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        bench_die("readlink");
    program[length] = '\0';
    Bench bench = { .socket = argv[1],
                    .program = program,
                    .root_fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                    .raw_fd = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
    if (bench.root_fd < 0 || bench.raw_fd < 0)
        bench_die("open cgroup");

    printf("%-28s %12s %12s %7s\n", "", "raw", "corral", "ratio");
    bench_run(&bench, strtoul(argv[4], NULL, 10));
    bench_cancel(&bench, 1);
    bench_cancel(&bench, 100);
    bench_cancel(&bench, 1000);
    return 0;
}
