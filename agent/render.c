// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/render.h"

#include "agent/jobs.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

// ---- values that may be null ----

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *number(uint64_t value) {
    return json_integer((json_int_t)value);
}

static json_t *number_or_null(uint64_t value) {
    return value == RECORD_UNKNOWN ? json_null() : number(value);
}

// For times, limits and numbers where 0 means that there is none.
static json_t *positive_or_null(uint64_t value) {
    return value == 0 ? json_null() : number(value);
}

static json_t *exit_code_or_null(int32_t code) {
    return code < 0 ? json_null() : json_integer(code);
}

// A fixed field that others filled, made into text: what is no UTF-8 or no printable character becomes "?".
static json_t *foreign_text(const char *field, size_t size) {
    char text[64];
    size_t length = 0, n = strnlen(field, size);

    for (size_t i = 0; i < n;) {
        uint32_t character;
        ssize_t taken = utf8_decode(field + i, n - i, &character);
        bool good = taken > 0 && character >= 0x20 && (character < 0x7f || character > 0x9f);
        size_t step = taken > 0 ? (size_t)taken : 1;
        if (length + step >= sizeof text)
            break;
        if (good)
            memcpy(text + length, field + i, step);
        else
            text[length] = '?';
        length += good ? step : 1;
        i += step;
    }
    return json_stringn(text, length);
}

// Hands out what was built, NULL when there was no memory for it.
static int give(json_t *value, json_t **ret) {
    if (!value)
        return -ENOMEM;
    *ret = value;
    return 0;
}

// ---- jobs ----

static int render_stranger(const JobRecord *job, json_t **ret) {
    return give(json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", number(job->id), "status",
                          status_name(job->status), "owner", job->owner, "ownerUid", number(job->owner_uid),
                          "createTime", number(job->create_time), "submitTime", positive_or_null(job->submit_time),
                          "startTime", positive_or_null(job->start_time), "endTime", positive_or_null(job->end_time)),
                ret);
}

// The tasks of a live job are counted already; a job that is over may have very many.
static int render_task_counts(const Agent *agent, uint64_t id, json_t **ret) {
    const Job *job = agent->jobs ? jobs_find(agent->jobs, id) : NULL;
    uint64_t counts[_STATUS_LAST + 1];

    if (job)
        return render_counts(job->counts, ret);
    int r = store_count_tasks(agent->store, id, counts);
    return r < 0 ? r : render_counts(counts, ret);
}

// What is not in the record.
static int add_findings(const Agent *agent, const JobRecord *job, json_t *object) {
    json_t *counts = NULL, *stuck = NULL;
    char reason[128];
    uint64_t cpu;

    int r = render_task_counts(agent, job->id, &counts);
    if (r < 0)
        return r;
    if (json_object_set_new(object, "tasks", counts) < 0)
        return -ENOMEM;
    r = store_job_cpu_time(agent->store, job->id, &cpu);
    if (r < 0)
        return r;
    if (json_object_set_new(object, "cpuTime", number(cpu)) < 0)
        return -ENOMEM;
    if (!agent->jobs)
        return 0;
    if (jobs_pending_reason(agent->jobs, job->id, reason, sizeof reason) >= 0 &&
        json_object_set_new(object, "pendingReason", json_string(reason)) < 0)
        return -ENOMEM;
    r = jobs_stuck(agent->jobs, job->id, &stuck);
    if (r < 0)
        return r;
    return stuck && json_object_set_new(object, "stuck", stuck) < 0 ? -ENOMEM : 0;
}

int render_job(Agent *agent, const JobRecord *job, bool details, json_t **ret) {
    if (!details)
        return render_stranger(job, ret);

    AUTO_JSON json_t *object =
        json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id", number(job->id), "name",
                  text_or_null(job->name), "status", status_name(job->status), "owner", job->owner, "ownerUid",
                  number(job->owner_uid), "user", text_or_null(job->user), "priority", priority_name(job->priority),
                  "minSlots", number(job->min_slots), "maxSlots", positive_or_null(job->max_slots), "runs",
                  number(job->runs), "runTimeLimit", positive_or_null(job->run_time_limit), "gracePeriod",
                  number_or_null(job->grace_period), "cause", text_or_null(cause_name(job->cause)));
    AUTO_JSON json_t *rest =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "errorMessage", text_or_null(job->error_message),
                  "cancelMessage", text_or_null(job->cancel_message), "canceledBy", text_or_null(job->canceled_by),
                  "cancelTime", positive_or_null(job->cancel_time), "createTime", number(job->create_time),
                  "submitTime", positive_or_null(job->submit_time), "startTime", positive_or_null(job->start_time),
                  "endTime", positive_or_null(job->end_time));
    if (!object || !rest || json_object_update(object, rest) < 0)
        return -ENOMEM;
    int r = add_findings(agent, job, object);
    return r < 0 ? r : give(TAKE_PTR(object), ret);
}

int render_counts(const uint64_t counts[static _STATUS_LAST + 1], json_t **ret) {
    AUTO_JSON json_t *object = json_object();
    uint64_t total = 0;

    if (!object)
        return -ENOMEM;
    for (Status status = 0; status <= _STATUS_LAST; status++) {
        total += counts[status];
        if (json_object_set_new(object, status_name(status), number(counts[status])) < 0)
            return -ENOMEM;
    }
    if (json_object_set_new(object, "total", number(total)) < 0)
        return -ENOMEM;
    return give(TAKE_PTR(object), ret);
}

// ---- tasks and attempts ----

int render_task(Agent *agent, const TaskRecord *task, json_t **ret) {
    AUTO_JSON json_t *spec = NULL;

    int r = store_get_task_spec(agent->store, task->job, task->id, &spec);
    if (r < 0)
        return r;
    return give(json_pack("{s:o, s:o, s:o, s:s, s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "job",
                          number(task->job), "id", number(task->id), "name", text_or_null(task->name), "status",
                          status_name(task->status), "command", json_object_get(spec, "command"), "exitCode",
                          exit_code_or_null(task->exit_code), "signal", positive_or_null((uint32_t)task->signal),
                          "cause", text_or_null(cause_name(task->cause)), "errorMessage",
                          text_or_null(task->error_message), "cancelMessage", text_or_null(task->cancel_message),
                          "canceledBy", text_or_null(task->canceled_by), "attempt", number(task->attempt), "createTime",
                          number(task->create_time), "startTime", positive_or_null(task->start_time), "endTime",
                          positive_or_null(task->end_time), "rerunnable", (int)task->rerunnable),
                ret);
}

// The record keeps an array; the parser takes objects.
static int parse_evidence(const char *text, json_t **ret) {
    CLEANUP(buffer_deinit) Buffer wrapped = BUFFER_NULL;
    AUTO_JSON json_t *object = NULL;

    int r = buffer_printf(&wrapped, "{\"evidence\":%s}", text);
    if (r >= 0)
        r = ipc_json_parse((const char *)buffer_bytes(&wrapped), buffer_size(&wrapped), &object, NULL, 0);
    if (r >= 0)
        *ret = json_incref(json_object_get(object, "evidence"));
    return r;
}

static int add_end(const AttemptRecord *attempt, json_t *object) {
    int status = attempt->wait_status;
    bool left = attempt->exited && WIFEXITED(status), killed = attempt->exited && WIFSIGNALED(status);
    AUTO_JSON json_t *end =
        json_pack("{s:o, s:o, s:o, s:o}", "exitCode", left ? json_integer(WEXITSTATUS(status)) : json_null(), "signal",
                  killed ? json_integer(WTERMSIG(status)) : json_null(), "coreDumped",
                  attempt->exited ? json_boolean(killed && WCOREDUMP(status)) : json_null(), "waitStatus",
                  attempt->exited ? json_integer(status) : json_null());

    return end && json_object_update(object, end) >= 0 ? 0 : -ENOMEM;
}

static int add_usage(const AttemptRecord *attempt, json_t *object) {
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {
        { "userTime", attempt->user_time },       { "systemTime", attempt->system_time },
        { "memoryPeak", attempt->memory_peak },   { "maxResidentSize", attempt->max_resident },
        { "processPeak", attempt->process_peak }, { "processesKilled", attempt->processes_killed },
        { "stdoutSize", attempt->stdout_kept },   { "stdoutDropped", attempt->stdout_dropped },
        { "stderrSize", attempt->stderr_kept },   { "stderrDropped", attempt->stderr_dropped },
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_object_set_new(object, fields[i].name, number_or_null(fields[i].value)) < 0)
            return -ENOMEM;
    return 0;
}

int render_attempt(const AttemptRecord *attempt, json_t **ret) {
    AUTO_JSON json_t *object =
        json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "job", number(attempt->key.job), "run",
                  number(attempt->key.run), "task", number(attempt->key.task), "attempt", number(attempt->key.attempt),
                  "status", status_name(attempt->status), "cause", text_or_null(cause_name(attempt->cause)),
                  "errorMessage", text_or_null(attempt->error_message), "startTime",
                  positive_or_null(attempt->start_time), "endTime", positive_or_null(attempt->end_time));
    json_t *evidence = NULL;

    if (!object)
        return -ENOMEM;
    int r = add_end(attempt, object);
    if (r >= 0)
        r = add_usage(attempt, object);
    if (r >= 0 && attempt->evidence) {
        r = parse_evidence(attempt->evidence, &evidence);
        if (r >= 0 && json_object_set_new(object, "evidence", evidence) < 0)
            r = -ENOMEM;
    }
    return r < 0 ? r : give(TAKE_PTR(object), ret);
}

int render_process(const InspectedProcess *process, json_t **ret) {
    bool waits = process->wait_channel[0] != '\0';

    return give(json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pid", (int)process->pid, "parentPid",
                          (int)process->parent, "uid", number(process->uid), "command",
                          foreign_text(process->command, sizeof process->command), "state",
                          foreign_text(&process->state, 1), "waitChannel",
                          waits ? foreign_text(process->wait_channel, sizeof process->wait_channel) : json_null(),
                          "systemCall",
                          process->system_call == INSPECT_NO_CALL ? json_null() : json_integer(process->system_call),
                          "cpuTime", number(process->cpu_usec), "residentSize", number(process->resident), "threads",
                          number(process->threads)),
                ret);
}

// ---- history ----

int render_history(const HistoryRecord *entry, json_t **ret) {
    return give(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o}", "seq", number(entry->sequence),
                          "time", number(entry->time), "job", number(entry->job), "task", positive_or_null(entry->task),
                          "run", positive_or_null(entry->run), "attempt", positive_or_null(entry->attempt), "from",
                          entry->from < 0 ? json_null() : json_string(status_name((Status)entry->from)), "to",
                          status_name(entry->to), "cause", entry->cause, "actor", entry->actor, "message",
                          text_or_null(entry->message)),
                ret);
}
