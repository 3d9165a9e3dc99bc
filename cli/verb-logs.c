// SPDX-License-Identifier: LGPL-2.1-or-later
// The kept output of one task. On a terminal control characters do not pass: who reads it may be an administrator, who
// wrote it anybody.
#include "base/log.h"
#include "cli/connection.h"
#include "cli/job-wait.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/task-output.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct OnlyTask {
    int64_t task;
    size_t n;
} OnlyTask;

static int take_task(const json_t *reply, void *userdata) {
    const json_t *task = json_object_get(reply, "task");
    OnlyTask *only = userdata;

    if (!json_is_object(task))
        return 0; // the end of an empty list
    only->task = json_integer_value(json_object_get(task, "id"));
    only->n++;
    return 0;
}

// A job's name stands for its task when it has but one.
static int find_only_task(const Arguments *arguments, Reference *reference) {
    OnlyTask only = { 0 };
    json_t *parameters = memory_json(json_pack("{s:I, s:i}", "job", (json_int_t)reference->job, "limit", 2));

    int r = connection_stream(arguments, "ListTasks", parameters, take_task, &only);
    if (r < 0)
        return r;
    if (only.n != 1) {
        log_error("job %" PRId64 " has %s; 'corral show %" PRId64 "' lists them", reference->job,
                  only.n == 0 ? "no tasks" : "several tasks, name one as JOB.TASK", reference->job);
        return -ENOENT;
    }
    reference->task = only.task;
    return 0;
}

// Waits until the task has an attempt. 1; 0 when its job is over without one; negative errno, told.
static int wait_for_start(const char *socket_path, const Reference *reference) {
    AUTO_JOB_WAIT JobWait wait = { 0 };
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    Stream *streams[] = { &wait.stream };
    int64_t attempt;

    int r = job_wait_init(&wait, socket_path, &reference->job, 1);
    // The present state may begin with a job that is over, and go on with tasks that have started: up to the cursor.
    while (r >= 0 && !(wait.cursor >= 0 && job_wait_is_over(&wait))) {
        (void)streams_wait(streams, 1, -1, UINT64_MAX);
        r = job_wait_receive(&wait, &reply);
        if (r > 0 && job_wait_started(reply.parameters, reference->task, &attempt))
            return 1;
    }
    return r < 0 ? r : 0;
}

// Passes the output on. 1 when there is no attempt yet, 0 at its end, negative errno, told.
static int pass_output(TaskOutput *output) {
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    Stream *streams[] = { &output->stream };

    int r = task_output_start(output, 0);
    while (r >= 0 && task_output_is_active(output)) {
        (void)streams_wait(streams, 1, -1, UINT64_MAX);
        r = task_output_receive(output, &reply);
    }
    if (r != -EREMOTEIO)
        return r < 0 ? r : 0;
    if (output->follow && strcmp(reply.error, JOBS_INTERFACE "NoSuchAttempt") == 0)
        return 1;
    return connection_complain_of_reply(&reply);
}

int verb_logs(const Arguments *arguments) {
    AUTO_TASK_OUTPUT TaskOutput output = { 0 };
    const char *path = connection_path(arguments);
    Reference reference;

    if (operand_reference(arguments, arguments->operands[0], true, &reference) < 0)
        return EXIT_USAGE;
    if (reference.task == 0 && find_only_task(arguments, &reference) < 0)
        return EXIT_FAILURE;
    output.stream.socket_path = path;
    output.job = reference.job;
    output.task = reference.task;
    output.name = arguments_has(arguments, OPTION_OF_STDERR) ? "stderr" : "stdout";
    output.follow = arguments_has(arguments, OPTION_FOLLOW);
    output.json = arguments_has(arguments, OPTION_JSON);
    output.escaped = isatty(STDOUT_FILENO);
    output.fd = STDOUT_FILENO;
    int r = pass_output(&output);
    if (r > 0)
        r = wait_for_start(path, &reference);
    if (r > 0)
        r = pass_output(&output);
    return r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}
