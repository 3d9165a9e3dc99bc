// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a job like a shell would. Four connections: one tells how the job goes, two bring the output, and one more is
// made when the job is to be canceled. All survive restarts of the agent.
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/connection.h"
#include "cli/job-wait.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/submission.h"
#include "cli/task-output.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ONLY_TASK 1
#define RETRY_INTERVAL (200 * USEC_PER_MSEC) // of a cancel while the agent is away
#define INTERRUPTS_MAX 3                     // the third one leaves without waiting

typedef struct Run {
    const Arguments *arguments;
    int64_t job;
    int64_t attempt; // the newest told of, 0: none
    JobWait wait;
    TaskOutput outputs[2];
    int signals;        // signalfd
    int interrupted_by; // the first signal, 0: none
    unsigned interrupts;
    bool cancel_pending; // to be told to the agent
} Run;

// From here on the signals only tell us to cancel. Returns a descriptor or negative errno.
static int catch_signals(void) {
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static void interrupt(Run *run, int signal) {
    if (run->interrupted_by == 0)
        run->interrupted_by = signal;
    run->interrupts++;
    run->cancel_pending = true;
}

static void take_signal(Run *run) {
    struct signalfd_siginfo info;

    if (read(run->signals, &info, sizeof info) == sizeof info)
        interrupt(run, (int)info.ssi_signo);
}

// Asks the agent to cancel. When it is away this is tried again; when it refuses, the job is over.
static void try_cancel(Run *run) {
    AUTO_IPC_CLIENT IpcClient *client = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    const char *message = run->interrupted_by == SIGPIPE ? "nobody reads the output" : "interrupted";
    json_t *parameters = NULL;

    if (ipc_client_connect(connection_path(run->arguments), &client) < 0)
        return;
    parameters = memory_json(json_pack("{s:[I], s:s, s:b, s:b}", "jobs", (json_int_t)run->job, "message", message,
                                       "force", run->interrupts > 1, "wait", 0));
    if (ipc_client_call(client, JOBS_INTERFACE "CancelJobs", parameters, &reply) < 0)
        return;
    run->cancel_pending = false;
    if (reply.error)
        (void)connection_complain_of_reply(&reply);
}

// Follows the output of the newest attempt, once that of the one before has ended. With --json only the watch is told.
static int begin_outputs(Run *run) {
    int r = 0;

    for (int i = 0; i < 2 && r >= 0; i++) {
        TaskOutput *output = &run->outputs[i];
        if (output->attempt < run->attempt && !task_output_is_active(output))
            r = task_output_start(output, run->attempt);
    }
    return r;
}

static int take_watch(Run *run) {
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    int64_t attempt;

    int r = job_wait_receive(&run->wait, &reply);
    if (r <= 0)
        return r;
    if (arguments_has(run->arguments, OPTION_JSON)) {
        output_json(reply.parameters);
        if (output_flush() == -EPIPE && run->interrupted_by == 0)
            interrupt(run, SIGPIPE);
    } else if (job_wait_started(reply.parameters, ONLY_TASK, &attempt) && attempt > run->attempt) {
        run->attempt = attempt;
    }
    return 0;
}

static int take_output(Run *run, TaskOutput *output) {
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    int r = task_output_receive(output, &reply);
    if (r == -EREMOTEIO)
        return connection_complain_of_reply(&reply);
    if (r != -EPIPE)
        return r;
    interrupt(run, SIGPIPE);
    return 0;
}

static bool is_over(const Run *run) {
    return run->wait.cursor >= 0 && job_wait_is_over(&run->wait) && !task_output_is_active(&run->outputs[0]) &&
           !task_output_is_active(&run->outputs[1]);
}

// Until the job is over and its output has been passed on. Negative errno, told.
static int follow(Run *run) {
    Stream *streams[] = { &run->wait.stream, &run->outputs[0].stream, &run->outputs[1].stream };
    int r = 0;

    while (r >= 0 && !is_over(run) && run->interrupts < INTERRUPTS_MAX) {
        uint64_t deadline = run->cancel_pending ? clock_boottime() + RETRY_INTERVAL : UINT64_MAX;
        unsigned ready = streams_wait(streams, 3, run->signals, deadline);
        if (ready & 1u << 3)
            take_signal(run);
        if (ready & 1u << 0)
            r = take_watch(run);
        for (unsigned i = 0; i < 2 && r >= 0; i++)
            if (ready & 1u << (i + 1) && task_output_is_active(&run->outputs[i]))
                r = take_output(run, &run->outputs[i]);
        if (r >= 0)
            r = begin_outputs(run);
        if (run->cancel_pending)
            try_cancel(run);
    }
    return r;
}

static int finish(const Run *run) {
    const WaitedJob *job = &run->wait.jobs[0];

    if (!is_over(run)) {
        log_error("job %" PRId64 " is still being canceled; 'corral show %" PRId64 "' tells how it stands", run->job,
                  run->job);
        return 128 + run->interrupted_by;
    }
    if (run->interrupted_by != 0 && job->status == STATUS_CANCELED)
        return 128 + run->interrupted_by;
    return job_exit_status(connection_path(run->arguments), job);
}

static int run_job(Run *run) {
    const char *path = connection_path(run->arguments);

    if (isatty(STDERR_FILENO))
        log_info("job %" PRId64, run->job);
    if (arguments_has(run->arguments, OPTION_JSON))
        submission_print(run->arguments, run->job);
    for (int i = 0; i < 2; i++)
        run->outputs[i] = (TaskOutput){ .stream = { .socket_path = path },
                                        .job = run->job,
                                        .task = ONLY_TASK,
                                        .name = i == 0 ? "stdout" : "stderr",
                                        .follow = true,
                                        .fd = i == 0 ? STDOUT_FILENO : STDERR_FILENO };
    int r = job_wait_init(&run->wait, path, &run->job, 1);
    if (r >= 0)
        r = follow(run);
    int status = r < 0 ? EXIT_FAILURE : finish(run);
    job_wait_deinit(&run->wait);
    task_output_deinit(&run->outputs[0]);
    task_output_deinit(&run->outputs[1]);
    return status;
}

int verb_run(const Arguments *arguments) {
    Run run = { .arguments = arguments, .signals = -1 };

    // Before the job is there, so that no interrupt leaves it behind.
    run.signals = catch_signals();
    if (run.signals < 0) {
        log_errno(LOG_ERR, run.signals, "cannot catch signals");
        return EXIT_FAILURE;
    }
    int status = submission_make(arguments, "QueueJob", &run.job);
    if (status == EXIT_SUCCESS)
        status = run_job(&run);
    run.signals = close_fd(run.signals);
    return status;
}
