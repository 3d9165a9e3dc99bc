// SPDX-License-Identifier: LGPL-2.1-or-later
// The kept output of one task. On a terminal control characters do not pass: who reads it may be an administrator, who
// wrote it anybody.
#include "base/log.h"
#include "cli/connection.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/task-output.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
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

// Passes the output on to its end. Following, the agent waits for the task to start.
static int pass_output(TaskOutput *output) {
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    Stream *streams[] = { &output->stream };

    int r = task_output_start(output, 0);
    while (r >= 0 && task_output_is_active(output)) {
        (void)streams_wait(streams, 1, -1, UINT64_MAX);
        r = task_output_receive(output, &reply);
    }
    return r == -EREMOTEIO ? connection_complain_of_reply(&reply) : r;
}

int verb_logs(const Arguments *arguments) {
    AUTO_TASK_OUTPUT TaskOutput output = { 0 };
    Reference reference;

    if (operand_reference(arguments, arguments->operands[0], true, &reference) < 0)
        return EXIT_USAGE;
    if (reference.task == 0 && find_only_task(arguments, &reference) < 0)
        return EXIT_FAILURE;
    output.stream.socket_path = connection_path(arguments);
    output.job = reference.job;
    output.task = reference.task;
    output.name = arguments_has(arguments, OPTION_OF_STDERR) ? "stderr" : "stdout";
    output.follow = arguments_has(arguments, OPTION_FOLLOW);
    output.json = arguments_has(arguments, OPTION_JSON);
    output.escaped = isatty(STDOUT_FILENO);
    output.fd = STDOUT_FILENO;
    int r = pass_output(&output);
    return r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}
