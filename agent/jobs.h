// SPDX-License-Identifier: LGPL-2.1-or-later
// The live jobs: those that are not over, in memory, with their tasks and running attempts. What is over is in the
// store alone. Every change goes through here to the store, with its line of history, in the transaction of the turn.
#pragma once

#include "agent/agent.h"
#include "agent/record.h"
#include "agent/verdict.h"
#include "cgroup/cgroup.h"

#include <sys/queue.h>

typedef struct Job Job;
typedef struct Task Task;
typedef struct Attempt Attempt;
typedef struct Stop Stop; // agent/stop.h

TAILQ_HEAD(JobList, Job);
TAILQ_HEAD(TaskList, Task);
TAILQ_HEAD(AttemptList, Attempt);
TAILQ_HEAD(StopList, Stop);

struct Task {
    TaskRecord record;
    Job *job;
    Attempt *attempt;              // the running one, NULL when none
    TAILQ_ENTRY(Task) queue_entry; // in Job.queue while its status is queued
};

typedef enum LaunchState {
    LAUNCH_WAITING, // for the commit, or for a launcher
    LAUNCH_SENT,
} LaunchState;

// A running attempt. It is over when how it ended is known and its cgroup is empty.
struct Attempt {
    AttemptRecord record;
    Task *task;
    LaunchState launch;
    Cgroup *cgroup; // NULL until it is launched
    bool prevent;   // shall not be launched any more; whether it was could not be found out yet
    bool end_known;
    EndKind end_kind;
    LaunchRecord end;
    char *system_error;        // what the agent could not do, for END_SYSTEM_ERROR
    uint64_t inspect_cookie;   // of the inspection that is under way, 0: none
    InspectedProcess *seen;    // while it was frozen; becomes the record's evidence
    uint32_t n_seen, n_frozen; // of those described, and of all
    Stop *stop;                // of this attempt alone, NULL when none
    sd_event_source *run_time_source;
    TAILQ_ENTRY(Attempt) entry;        // in Job.attempts
    TAILQ_ENTRY(Attempt) launch_entry; // in Jobs.launches while LAUNCH_WAITING
};

struct Job {
    JobRecord record;
    Agent *agent;
    Task **tasks; // by number - 1
    size_t n_tasks, n_tasks_allocated;
    struct TaskList queue; // queued tasks in order
    struct AttemptList attempts;
    uint32_t n_attempts;               // in attempts: each holds a slot
    uint32_t slots;                    // reserved: at least n_attempts
    uint64_t counts[_STATUS_LAST + 1]; // of tasks
    Cgroup *cgroup;                    // of the run, NULL when none was made
    Stop *stop;                        // of the whole job, NULL when none
    struct JobList *rank;              // the list of the queue that it is in, NULL: none (agent/queue.h)
    bool over;                         // to be dropped from memory after the commit
    sd_event_source *run_time_source;
    TAILQ_ENTRY(Job) rank_entry; // agent/queue.h
    TAILQ_ENTRY(Job) over_entry; // in Jobs.over
};

struct Jobs {
    Agent *agent;
    void *by_id; // tsearch(3) tree of Job
    size_t n_jobs;
    struct JobList waiting[_PRIORITY_LAST + 1]; // queued jobs (agent/queue.h)
    struct JobList growing[_PRIORITY_LAST + 1]; // running jobs with tasks that wait
    uint32_t slots_in_use;
    int64_t first_order, last_order;
    // What is to be done when the turn is committed.
    struct AttemptList launches; // may stay until a launcher is there
    bool launches_wait;          // because something is short
    sd_event_source *launch_source;
    struct StopList stops; // all there are
    uint64_t last_cookie;  // names inspections
    struct StopList stops_to_begin;
    struct StopList stops_to_settle;
    struct JobList over;
};

int jobs_new(Agent *agent, Jobs **ret);
Jobs *jobs_free(Jobs *jobs); // forgets; nothing happens to what runs

Job *jobs_find(const Jobs *jobs, uint64_t id);
Task *job_find_task(const Job *job, uint32_t task);

// Calls visit for each live job by rising id. visit may end jobs and attempts, but neither insert nor free jobs.
void jobs_walk(const Jobs *jobs, void (*visit)(Job *job, void *userdata), void *userdata);

// Brings a job that is over back into memory, for a requeue. -ENOENT when it is not on record.
int jobs_load(Jobs *jobs, uint64_t id, Job **ret);

// Takes a record (emptied) that is new or read from the store into memory; likewise for tasks, in order of their
// numbers.
int jobs_insert(Jobs *jobs, JobRecord *record, Job **ret);
int job_insert_task(Job *job, TaskRecord *record, Task **ret);

// Who asks for a change.
#define ACTOR_CORRAL "corral"

// Change a status, write the record and the history line. cause: the word in the history. The tables of agent/rules.h
// must allow the change (an assertion). A failing store is noted and fails the commit: see agent_store_result().
void job_set_status(Job *job, Status status, const char *cause, const char *actor, const char *message);
void task_set_status(Task *task, Status status, const char *cause, const char *actor, const char *message);

// Lines of history that change no status.
void job_note(Job *job, const char *cause, const char *actor, const char *message);
void attempt_note(Attempt *attempt, const char *cause, const char *actor, const char *message);

// Write a record whose other fields have changed.
void job_save(Job *job);
void task_save(Task *task);

// Puts a task back at its place among the queued ones, or takes it out.
void task_enqueue(Task *task);
void task_dequeue(Task *task);

// After any change of the tasks of a running job: ends it when all are over. Not while a stop of the whole job goes on.
void job_check_over(Job *job);

// Ends a job in a terminal status: end time, timers, leaves the queue, is dropped from memory after the commit.
void job_end(Job *job, Status status, Cause cause, const char *error_message, const char *actor);

// A job that was over lives again.
void jobs_keep(Job *job);

// Drops the jobs that are over; after the commit.
void jobs_drop_over(Jobs *jobs);

// Starts the timer of a running job's run-time limit, if it has one.
void job_arm_run_time(Job *job);

// Replaces a string that a record owns by a copy of text (NULL: none).
void record_set_text(char **field, const char *text);

// ---- what others ask ----

uint32_t jobs_slots_in_use(const Jobs *jobs);
// Why a queued job does not run yet; -ENOENT when it is not queued.
int jobs_pending_reason(const Jobs *jobs, uint64_t job, char *ret, size_t size);
// An array of Process that a cancel could not kill, NULL when there is none.
int jobs_stuck(const Jobs *jobs, uint64_t job, json_t **ret);
