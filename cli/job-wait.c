// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/job-wait.h"

#include "base/log.h"
#include "cli/connection.h"
#include "cli/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static json_t *watch_parameters(void *userdata) {
    const JobWait *wait = userdata;
    json_t *ids = memory_json(json_array()), *parameters = memory_json(json_object());

    for (size_t i = 0; i < wait->n_jobs; i++)
        memory_append(ids, json_integer(wait->jobs[i].id));
    memory_set(parameters, "jobs", ids);
    if (wait->cursor >= 0)
        memory_set(parameters, "cursor", json_integer(wait->cursor));
    return parameters;
}

int job_wait_init(JobWait *wait, const char *socket_path, const int64_t *ids, size_t n) {
    *wait = (JobWait){
        .stream = { .socket_path = socket_path, .method = "Watch", .parameters = watch_parameters, .userdata = wait },
        .cursor = -1,
        .jobs = memory_new(n, sizeof *wait->jobs),
        .n_jobs = n,
    };
    for (size_t i = 0; i < n; i++)
        wait->jobs[i].id = ids[i];
    return stream_open(&wait->stream);
}

void job_wait_deinit(JobWait *wait) {
    stream_deinit(&wait->stream);
    free(wait->jobs);
    *wait = (JobWait){ 0 };
}

static void take_job(WaitedJob *job, const json_t *told) {
    Status status;

    if (status_from_name(json_string_value(json_object_get(told, "status")), &status) < 0)
        return;
    job->known = true;
    job->status = status;
    job->tasks = status_counts_read(json_object_get(told, "tasks"));
}

static void take_entry(WaitedJob *job, const json_t *entry) {
    Status from, to;
    bool had = status_from_name(json_string_value(json_object_get(entry, "from")), &from) == 0;

    if (status_from_name(json_string_value(json_object_get(entry, "to")), &to) < 0)
        return;
    if (json_is_integer(json_object_get(entry, "task"))) {
        if (had)
            job->tasks.of[from]--;
        job->tasks.of[to]++;
    } else {
        job->known = true;
        job->status = to;
    }
}

void job_wait_take(JobWait *wait, const json_t *reply) {
    const json_t *cursor = json_object_get(reply, "cursor"), *told = json_object_get(reply, "job");
    const json_t *entry = json_object_get(reply, "entry");
    bool present = json_is_object(told);
    json_int_t id = json_integer_value(json_object_get(present ? told : entry, present ? "id" : "job"));

    if (json_is_integer(cursor))
        wait->cursor = json_integer_value(cursor);
    if (json_is_integer(json_object_get(entry, "seq")))
        wait->cursor = json_integer_value(json_object_get(entry, "seq"));
    // The same job may be waited for twice.
    for (size_t i = 0; i < wait->n_jobs; i++) {
        if (wait->jobs[i].id != id)
            continue;
        if (present)
            take_job(&wait->jobs[i], told);
        else if (json_is_object(entry))
            take_entry(&wait->jobs[i], entry);
    }
}

bool job_wait_started(const json_t *reply, int64_t task, int64_t *ret_attempt) {
    const json_t *told = json_object_get(reply, "task"), *entry = json_object_get(reply, "entry");
    const char *to = json_string_value(json_object_get(entry, "to"));
    bool present = json_is_object(told);
    const json_t *subject = present ? told : entry;
    int64_t attempt = json_integer_value(json_object_get(subject, "attempt"));

    if (json_integer_value(json_object_get(subject, present ? "id" : "task")) != task || attempt < 1)
        return false;
    if (!present && (!to || strcmp(to, status_name(STATUS_RUNNING)) != 0))
        return false;
    *ret_attempt = attempt;
    return true;
}

// Whether the agent no longer has what comes after our cursor: then the present state serves as well.
static bool cursor_expired(const IpcReply *reply) {
    return reply->error && strcmp(reply->error, JOBS_INTERFACE "CursorExpired") == 0;
}

int job_wait_receive(JobWait *wait, IpcReply *ret) {
    int r = stream_receive(&wait->stream, ret);

    if (r <= 0)
        return r;
    if (wait->cursor >= 0 && cursor_expired(ret)) {
        wait->cursor = -1;
        stream_deinit(&wait->stream);
        r = stream_open(&wait->stream);
        return r < 0 ? r : 0;
    }
    if (ret->error)
        return connection_complain_of_reply(ret);
    job_wait_take(wait, ret->parameters);
    return 1;
}

bool job_wait_is_over(const JobWait *wait) {
    for (size_t i = 0; i < wait->n_jobs; i++)
        if (!wait->jobs[i].known || !status_is_over(wait->jobs[i].status))
            return false;
    return true;
}

StatusCounts job_wait_counts(const JobWait *wait) {
    StatusCounts sum = { 0 };

    for (size_t i = 0; i < wait->n_jobs; i++)
        for (Status status = 0; status <= _STATUS_LAST; status++)
            sum.of[status] += wait->jobs[i].tasks.of[status];
    return sum;
}

int task_exit_status(const json_t *task) {
    const char *cause = json_string_value(json_object_get(task, "cause"));
    const json_t *exit_code = json_object_get(task, "exitCode"), *signal = json_object_get(task, "signal");
    bool by_itself = cause && strcmp(cause, "exited") == 0;
    bool killed = cause && (strcmp(cause, "signaled") == 0 || strcmp(cause, "outOfMemory") == 0);

    if (killed && json_is_integer(signal))
        return 128 + (int)json_integer_value(signal);
    if (by_itself && json_is_integer(exit_code))
        return (int)json_integer_value(exit_code);
    return EXIT_FAILURE;
}

// What did not end by itself has nothing to say; we do.
static void explain(const json_t *task) {
    const char *cause = json_string_value(json_object_get(task, "cause"));
    const char *message = json_string_value(json_object_get(task, "errorMessage"));

    if (!cause || strcmp(cause, "exited") == 0 || strcmp(cause, "signaled") == 0)
        return;
    log_error("task %" JSON_INTEGER_FORMAT ".%" JSON_INTEGER_FORMAT " failed: %s%s%s",
              json_integer_value(json_object_get(task, "job")), json_integer_value(json_object_get(task, "id")), cause,
              message ? ": " : "", message ? message : "");
}

static json_t *failed_parameters(void *userdata) {
    const WaitedJob *job = userdata;

    return memory_json(
        json_pack("{s:I, s:[s], s:i}", "job", (json_int_t)job->id, "status", status_name(STATUS_FAILED), "limit", 1));
}

// The exit status of the first task that failed.
static int first_failure(const char *socket_path, const WaitedJob *job) {
    Stream stream = {
        .socket_path = socket_path, .method = "ListTasks", .parameters = failed_parameters, .userdata = (void *)job
    };
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;
    int status = EXIT_FAILURE, r = stream_open(&stream);

    while (r >= 0) {
        Stream *streams[] = { &stream };
        (void)streams_wait(streams, 1, -1, UINT64_MAX);
        r = stream_receive(&stream, &reply);
        const json_t *task = r > 0 ? json_object_get(reply.parameters, "task") : NULL;
        if (json_is_object(task)) {
            status = task_exit_status(task);
            explain(task);
        }
        if (r > 0 && !reply.continues)
            break;
    }
    stream_deinit(&stream);
    return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}

int job_exit_status(const char *socket_path, const WaitedJob *job) {
    if (job->status == STATUS_FAILED)
        return first_failure(socket_path, job);
    if (job->status == STATUS_FINISHED && job->tasks.of[STATUS_CANCELED] == 0)
        return EXIT_SUCCESS;
    log_error("%sjob %" PRId64 " %s canceled; 'corral show %" PRId64 "' tells why",
              job->status == STATUS_FINISHED ? "tasks of " : "", job->id,
              job->status == STATUS_FINISHED ? "were" : "was", job->id);
    return EXIT_FAILURE;
}
