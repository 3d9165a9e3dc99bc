// SPDX-License-Identifier: LGPL-2.1-or-later
// The order is the promise: the attempt is on record before anything of it exists, its cgroup exists before the
// launcher hears of it, and it is over only when its end is known and the kernel says that its cgroup is empty.
#include "agent/attempt.h"

#include "agent/cancel.h"
#include "agent/garbage.h"
#include "agent/journal.h"
#include "agent/launcher-client.h"
#include "agent/output.h"
#include "agent/queue.h"
#include "agent/records.h"
#include "agent/spec.h"
#include "agent/stop.h"
#include "agent/timer.h"
#include "agent/tree.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/shortage.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHORTAGE_PAUSE (100 * USEC_PER_MSEC)

static AttemptKey attempt_key(const Task *task) {
    return (AttemptKey){
        .job = task->record.job, .run = task->job->record.runs, .task = task->record.id, .attempt = task->record.attempt
    };
}

static Attempt *attempt_new(Task *task) {
    Attempt *attempt = calloc(1, sizeof *attempt);

    if (!attempt)
        return NULL;
    attempt->task = task;
    task->attempt = attempt;
    task->job->n_attempts++;
    TAILQ_INSERT_TAIL(&task->job->attempts, attempt, entry);
    return attempt;
}

Attempt *attempt_free(Attempt *attempt) {
    Job *job = attempt->task->job;

    stop_free(attempt->stop);
    sd_event_source_disable_unref(attempt->run_time_source);
    if (attempt->launch == LAUNCH_WAITING)
        TAILQ_REMOVE(&job->agent->jobs->launches, attempt, launch_entry);
    TAILQ_REMOVE(&job->attempts, attempt, entry);
    job->n_attempts--;
    attempt->task->attempt = NULL;
    cgroup_free(attempt->cgroup);
    attempt_record_deinit(&attempt->record);
    free(attempt->system_error);
    free(attempt->seen);
    free(attempt);
    return NULL;
}

Attempt *attempt_find(const Jobs *jobs, const AttemptKey *key) {
    const Job *job = jobs_find(jobs, key->job);
    const Task *task = job ? job_find_task(job, key->task) : NULL;

    if (!task || !task->attempt || memcmp(&task->attempt->record.key, key, sizeof *key) != 0)
        return NULL;
    return task->attempt;
}

void attempt_start(Task *task) {
    Job *job = task->job;
    Jobs *jobs = job->agent->jobs;
    Attempt *attempt = attempt_new(task);

    if (!attempt) {
        agent_store_result(job->agent, -ENOMEM);
        task_dequeue(
            task); // the turn is lost and this memory with it; only the loop that called must not come here again
        return;
    }
    task->record.attempt++;
    task->record.start_time = clock_realtime();
    attempt->launch = LAUNCH_WAITING;
    TAILQ_INSERT_TAIL(&jobs->launches, attempt, launch_entry);
    attempt->record = (AttemptRecord){ .key = attempt_key(task),
                                       .status = STATUS_RUNNING,
                                       .start_time = task->record.start_time,
                                       .user_time = RECORD_UNKNOWN,
                                       .system_time = RECORD_UNKNOWN,
                                       .memory_peak = RECORD_UNKNOWN,
                                       .max_resident = RECORD_UNKNOWN,
                                       .process_peak = RECORD_UNKNOWN,
                                       .processes_killed = RECORD_UNKNOWN,
                                       .stdout_kept = RECORD_UNKNOWN,
                                       .stdout_dropped = RECORD_UNKNOWN,
                                       .stderr_kept = RECORD_UNKNOWN,
                                       .stderr_dropped = RECORD_UNKNOWN };
    memcpy(attempt->record.boot_id, job->agent->boot_id, sizeof attempt->record.boot_id);
    agent_store_result(job->agent, store_add_attempt(job->agent->store, &attempt->record));
    task_set_status(task, STATUS_RUNNING, "started", ACTOR_CORRAL, NULL);
}

int attempt_adopt(Task *task, AttemptRecord *record, Attempt **ret) {
    Attempt *attempt = attempt_new(task);

    if (!attempt)
        return -ENOMEM;
    attempt->record = *record;
    *record = (AttemptRecord){ 0 };
    attempt->launch = LAUNCH_SENT;
    *ret = attempt;
    return 0;
}

// ---- launching ----

static int on_run_time(sd_event_source *source, uint64_t usec, void *userdata) {
    (void)source;
    (void)usec;
    cancel_task_run_time(userdata);
    return 0;
}

void attempt_arm_run_time(Attempt *attempt) {
    uint64_t limit = attempt->task->record.run_time_limit;

    if (limit == RECORD_INFINITE)
        return;
    uint64_t now = clock_realtime(), start = attempt->record.start_time;
    uint64_t used = now > start ? now - start : 0;
    int r = sd_event_add_time_relative(attempt->task->job->agent->event, &attempt->run_time_source, CLOCK_BOOTTIME,
                                       limit > used ? limit - used : 0, 0, on_run_time, attempt);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set the timer of a task's run-time limit");
}

static int make_job_cgroup(Job *job, const json_t *spec) {
    char name[ATTEMPT_NAME_MAX], path[PATH_MAX];
    CgroupLimits limits = job_spec_limits(spec);
    Agent *agent = job->agent;

    snprintf(name, sizeof name, "%" PRIu64 ".%u", job->record.id, job->record.runs);
    int r = cgroup_create(agent->cgroup_jobs_fd, name, &job->cgroup);
    if (r == -EEXIST) // made by an agent that died before it launched anything in it
        r = cgroup_open(agent->cgroup_jobs_fd, name, &job->cgroup);
    if (r < 0)
        return r;
    if (agent->controllers != 0) {
        CgroupControllers enabled;
        r = cgroup_enable_controllers(cgroup_fd(job->cgroup), agent->controllers, &enabled);
        if (r < 0)
            log_errno(LOG_DEBUG, r, "%s: cannot enable controllers for its tasks", name);
    }
    if (limits.memory_max == CGROUP_UNKNOWN && limits.process_max == CGROUP_UNKNOWN && limits.cpu_max == CGROUP_UNKNOWN)
        return 0;
    snprintf(path, sizeof path, "%s/jobs/%s", agent->cgroup_path, name);
    r = cgroup_set_limits(cgroup_fd(job->cgroup), path, &limits);
    if (r < 0)
        job->cgroup = cgroup_free(job->cgroup); // nothing starts in one that has no limits
    return r;
}

static int make_cgroups(Attempt *attempt, const json_t *job_spec) {
    Job *job = attempt->task->job;
    char name[ATTEMPT_NAME_MAX];

    if (!job->cgroup) {
        int r = make_job_cgroup(job, job_spec);
        if (r < 0)
            return r;
    }
    snprintf(name, sizeof name, "%u.%u", attempt->record.key.task, attempt->record.key.attempt);
    return cgroup_create(cgroup_fd(job->cgroup), name, &attempt->cgroup);
}

// Whether the launch has to wait: for the launcher, or for what is short.
static bool has_to_wait(int error) {
    return error == -EAGAIN || error == -ENOTCONN || is_shortage(error);
}

// 0 also when the attempt has failed and is over; an error when it has to wait, -ENOENT when the tree has gone.
static int launch(Attempt *attempt) {
    Job *job = attempt->task->job;
    Agent *agent = job->agent;
    AUTO_JSON json_t *job_spec = NULL, *task_spec = NULL;
    Buffer packet = BUFFER_NULL;

    int r = store_get_job_spec(agent->store, job->record.id, &job_spec);
    if (r >= 0)
        r = store_get_task_spec(agent->store, job->record.id, attempt->task->record.id, &task_spec);
    if (has_to_wait(r))
        return r;
    if (r < 0) {
        attempt_fail(attempt, r, "read what the task is");
        return 0;
    }
    if (!attempt->cgroup) {
        r = make_cgroups(attempt, job_spec);
        if (r < 0 && tree_is_lost(agent))
            return -ENOENT;
        if (has_to_wait(r))
            return r;
        if (r < 0) {
            attempt_fail(attempt, r, "make the cgroup");
            return 0;
        }
        attempt->record.cgroup_id = cgroup_id(attempt->cgroup);
    }
    r = launch_packet_build(&job->record, job_spec, task_spec, &attempt->record.key,
                            agent->parameters.value[PARAMETER_OUTPUT_LIMIT], &packet);
    if (r >= 0)
        r = launcher_launch(agent->launcher, buffer_bytes(&packet), buffer_size(&packet), cgroup_fd(attempt->cgroup));
    buffer_deinit(&packet);
    if (has_to_wait(r))
        return r;
    if (r < 0)
        attempt_fail(attempt, r, "launch");
    else
        attempt_arm_run_time(attempt);
    return 0;
}

static int on_launch_time(sd_event_source *source, uint64_t usec, void *userdata) {
    const Jobs *jobs = userdata;

    (void)source;
    (void)usec;
    agent_touch(jobs->agent);
    return 0;
}

// Nobody tells when there is enough again.
static void launch_later(Jobs *jobs, int error) {
    if (!jobs->launches_wait)
        log_errno(LOG_WARNING, error, "nothing can be launched now; waiting");
    jobs->launches_wait = true;
    int r = timer_set(jobs->agent->event, &jobs->launch_source, SHORTAGE_PAUSE, 0, on_launch_time, jobs);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set a timer; launches wait for something else to happen");
}

// Nobody launches these now: they are queued again, and their records say that nothing ran.
static void take_back_launches(Jobs *jobs) {
    Attempt *attempt;

    while ((attempt = TAILQ_FIRST(&jobs->launches)) != NULL) {
        TAILQ_REMOVE(&jobs->launches, attempt, launch_entry);
        attempt->launch = LAUNCH_SENT;
        attempt_end_known(attempt, END_NEVER_LAUNCHED, NULL);
    }
}

void attempts_launch(Jobs *jobs) {
    const Agent *agent = jobs->agent;
    Attempt *attempt;

    while (launcher_connected(agent->launcher) && (attempt = TAILQ_FIRST(&jobs->launches)) != NULL) {
        // Left the list before anything can free the attempt.
        TAILQ_REMOVE(&jobs->launches, attempt, launch_entry);
        attempt->launch = LAUNCH_SENT;
        int r = tree_is_open(agent) ? launch(attempt) : -ENOENT;
        if (r < 0) {
            attempt->launch = LAUNCH_WAITING;
            TAILQ_INSERT_HEAD(&jobs->launches, attempt, launch_entry);
            if (r != -ENOTCONN && r != -ENOENT && launcher_connected(agent->launcher))
                launch_later(jobs, r);
            break;
        }
        jobs->launches_wait = false;
    }
    if (!agent_can_start(agent))
        take_back_launches(jobs);
}

void attempt_fail(Attempt *attempt, int error, const char *what) {
    char text[VERDICT_TEXT_MAX];

    snprintf(text, sizeof text, "cannot %s: %s", what, strerror(-error));
    record_set_text(&attempt->system_error, text);
    attempt_end_known(attempt, END_SYSTEM_ERROR, NULL);
}

void attempt_prevent_launch(Attempt *attempt) {
    Agent *agent = attempt->task->job->agent;
    ClaimState state;

    if (attempt->end_known)
        return;
    int r = records_claim(agent->records, &attempt->record.key, &state);
    attempt->prevent = r < 0;
    if (r < 0) {
        log_errno(LOG_ERR, r, "job %" PRIu64 ": cannot find out whether task %u was launched", attempt->record.key.job,
                  attempt->record.key.task);
        records_look_again(agent->records);
    } else if (state == CLAIM_TAKEN)
        attempt_end_known(attempt, END_NEVER_LAUNCHED, NULL);
    else if (state == CLAIM_DEAD)
        attempt_end_known(attempt, END_LOST, NULL);
}

// again: where it could not be found out before.
static void prevent_launches(Job *job, void *again) {
    for (Attempt *attempt = TAILQ_FIRST(&job->attempts), *next; attempt; attempt = next) {
        next = TAILQ_NEXT(attempt, entry);
        if (attempt->launch == LAUNCH_SENT && (!again || attempt->prevent))
            attempt_prevent_launch(attempt); // may free it
    }
}

void attempts_launcher_lost(Jobs *jobs) {
    jobs_walk(jobs, prevent_launches, NULL);
    take_back_launches(jobs);
    agent_touch(jobs->agent);
}

void attempts_prevent_again(Jobs *jobs) {
    jobs_walk(jobs, prevent_launches, jobs);
}

// ---- ending ----

void attempt_end_known(Attempt *attempt, EndKind kind, const LaunchRecord *record) {
    Job *job = attempt->task->job;

    assert(!attempt->end_known);
    attempt->end_known = true;
    attempt->end_kind = kind;
    if (record)
        attempt->end = *record;
    agent_touch(job->agent);
    if (attempt->stop)
        stop_poke(attempt->stop);
    else if (job->stop)
        stop_poke(job->stop);
    else if (!attempt_try_end(attempt))
        // The main process has ended and left something behind: what belongs to a task ends with it.
        agent_store_result(job->agent, stop_new(job, attempt, INTENT_NONE, 0, &attempt->stop));
}

// Before the cgroup is removed. Returns how often the out-of-memory killer struck.
static uint64_t read_usage(Attempt *attempt) {
    AttemptRecord *record = &attempt->record;
    CgroupUsage usage;

    if (!attempt->cgroup || cgroup_read_usage(attempt->cgroup, &usage) < 0)
        return RECORD_UNKNOWN;
    record->user_time = usage.user_usec;
    record->system_time = usage.system_usec;
    record->memory_peak = usage.memory_peak;
    record->process_peak = usage.process_peak;
    return usage.oom_kills;
}

typedef struct Retries {
    uint32_t run;
    uint64_t n;
} Retries;

static int count_retry(AttemptRecord *record, void *userdata) {
    Retries *retries = userdata;

    if (record->key.run == retries->run && record->cause == CAUSE_HOST_RESTARTED)
        retries->n++;
    return 0;
}

// A task that takes the machine down with it is not run for ever.
static bool may_retry(const Attempt *attempt) {
    const Task *task = attempt->task;
    Agent *agent = task->job->agent;
    Retries retries = { .run = attempt->record.key.run };

    if (attempt->end_kind != END_HOST_RESTARTED || !task->record.rerunnable)
        return false;
    int r = store_walk_attempts(agent->store, task->record.job, task->record.id, count_retry, &retries);
    return r >= 0 && retries.n < agent->parameters.value[PARAMETER_TASK_RETRY_COUNT];
}

static void decide(const Attempt *attempt, uint64_t oom_kills, Verdict *ret) {
    const Task *task = attempt->task;
    const Job *job = task->job;
    uint64_t of_job = job->record.intent_time, of_task = task->record.intent_time;

    verdict_decide(&(EndFacts){ .kind = attempt->end_kind,
                                .record = &attempt->end,
                                .system_error = attempt->system_error,
                                .job_intent = job->record.intent,
                                .task_intent = task->record.intent,
                                .intent_boottime = of_job == 0 || (of_task != 0 && of_task < of_job) ? of_task : of_job,
                                .oom_kills = oom_kills,
                                .may_retry = may_retry(attempt) },
                   ret);
}

static void fill_record(Attempt *attempt, const Verdict *verdict) {
    AttemptRecord *record = &attempt->record;
    const LaunchRecord *end = &attempt->end;

    record->status = verdict->attempt_status;
    record->cause = verdict->cause;
    record_set_text(&record->error_message, verdict->text[0] ? verdict->text : NULL);
    record->end_time = clock_realtime();
    if (attempt->end_kind == END_NEVER_LAUNCHED || attempt->end_kind == END_SYSTEM_ERROR)
        record->start_time = 0;
    if (attempt->end_kind != END_RECORDED)
        return;
    record->start_time = end->start_realtime;
    record->end_time = end->end_realtime;
    record->exited = end->step == LAUNCH_STEP_NONE;
    record->wait_status = end->wait_status;
    record->max_resident = end->max_resident;
    record->stdout_kept = end->stdout_kept;
    record->stdout_dropped = end->stdout_dropped;
    record->stderr_kept = end->stderr_kept;
    record->stderr_dropped = end->stderr_dropped;
}

static void settle_task(Task *task, const Attempt *attempt, const Verdict *verdict) {
    TaskRecord *record = &task->record;
    const char *cause = cause_name(verdict->cause);

    record->cause = verdict->cause;
    record->exit_code = verdict->exit_code;
    record->signal = verdict->signal;
    record->end_time = attempt->record.end_time;
    if (attempt->record.start_time != 0)
        record->start_time = attempt->record.start_time;
    record->intent = INTENT_NONE;
    record->intent_time = 0;
    record_set_text(&record->error_message, verdict->text[0] ? verdict->text : NULL);
    if (attempt->end_kind == END_NEVER_LAUNCHED && verdict->task_status == STATUS_QUEUED)
        cause = "neverLaunched";
    if (verdict->task_status == STATUS_QUEUED) {
        record->cause = CAUSE_NONE;
        record->exit_code = -1;
        record->signal = 0;
        record->start_time = record->end_time = 0;
        record_set_text(&record->error_message, NULL);
    }
    task_set_status(task, verdict->task_status, cause, ACTOR_CORRAL, verdict->text[0] ? verdict->text : NULL);
}

static void count_for_receipt(Stop *stop, const Verdict *verdict) {
    if (!stop)
        return;
    if (verdict->task_status == STATUS_FAILED && verdict->cause != CAUSE_EXITED)
        stop->receipt.tasks_failed++;
    else if (verdict->task_status == STATUS_CANCELED)
        stop->receipt.tasks_canceled++;
}

static void discard(const Attempt *attempt) {
    // Which file there is, by how the end became known.
    static const char *const suffixes[_END_LAST + 1] = {
        [END_RECORDED] = RECORD_SUFFIX, [END_NEVER_LAUNCHED] = CLAIM_SUFFIX, [END_LOST] = CLAIM_SUFFIX,
        [END_HOST_RESTARTED] = NULL,    [END_SYSTEM_ERROR] = NULL,
    };

    garbage_add_attempt(attempt->task->job->agent->garbage, &attempt->record.key, suffixes[attempt->end_kind]);
}

static bool is_empty(const Attempt *attempt) {
    CgroupEvents events;

    if (!attempt->cgroup)
        return true;
    int r = cgroup_read_events(attempt->cgroup, &events);
    return r >= 0 && !events.populated;
}

// What an administrator may want to hear of: not how tasks end by themselves.
static void tell(const Attempt *attempt, const Verdict *verdict) {
    static const struct {
        Cause cause;
        Event event;
    } told[] = {
        { CAUSE_LAUNCH_FAILED, EVENT_LAUNCH_FAILED },
        { CAUSE_OUT_OF_MEMORY, EVENT_OUT_OF_MEMORY },
        { CAUSE_LOST, EVENT_LOST },
        { CAUSE_HOST_RESTARTED, EVENT_HOST_RESTARTED },
        { CAUSE_SYSTEM_ERROR, EVENT_SYSTEM_ERROR },
    };

    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i].cause == verdict->cause && attempt->end_kind != END_NEVER_LAUNCHED)
            journal_attempt(attempt, told[i].event, verdict->cause, verdict->text);
}

bool attempt_try_end(Attempt *attempt) {
    Task *task = attempt->task;
    Job *job = task->job;
    Agent *agent = job->agent;
    Stop *stop = attempt->stop, *job_stop = job->stop;
    Verdict verdict;

    if (!attempt->end_known || !is_empty(attempt))
        return false;

    uint64_t oom_kills = read_usage(attempt);
    decide(attempt, oom_kills, &verdict);
    fill_record(attempt, &verdict);
    agent_store_result(agent, store_update_attempt(agent->store, &attempt->record));
    tell(attempt, &verdict);
    settle_task(task, attempt, &verdict);
    count_for_receipt(job_stop, &verdict);
    count_for_receipt(stop, &verdict);
    discard(attempt);
    output_attempt_ended(agent, &attempt->record.key);

    attempt->stop = NULL;
    attempt_free(attempt);
    if (task->record.status == STATUS_QUEUED) {
        task_enqueue(task);
        if (!job_stop)
            queue_insert(agent->jobs, job);
    }
    queue_settle_slots(job);
    if (stop)
        stop_attempt_ended(stop);
    job_check_over(job);
    agent_touch(agent);
    return true;
}
