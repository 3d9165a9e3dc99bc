// SPDX-License-Identifier: LGPL-2.1-or-later
// Looking: GetJob, ListJobs, ListTasks, GetHistory. All is read from the store, which knows the changes of this turn.
#include "agent/access.h"
#include "agent/listing.h"
#include "agent/methods.h"
#include "agent/render.h"
#include "agent/users.h"
#include "base/cleanup.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

#define LIMIT_MAX 10000
#define GET_JOB_ROWS_MAX 1000 // tasks, and attempts, in the reply of GetJob

static int no_such_job(IpcCall *call, json_int_t id) {
    return ipc_call_error(call, "io.corral.Jobs.NoSuchJob", json_pack("{s:I}", "job", id));
}

static bool is_there(const json_t *value) {
    return value && !json_is_null(value);
}

// ---- GetJob ----

typedef struct Rows {
    Agent *agent;
    json_t *array; // NULL once there are too many
} Rows;

static int append(Rows *rows, json_t *row) {
    if (json_array_append_new(rows->array, row) < 0)
        return -ENOMEM;
    if (json_array_size(rows->array) <= GET_JOB_ROWS_MAX)
        return 0;
    json_decref(rows->array);
    rows->array = NULL;
    return 1;
}

static int append_task(TaskRecord *task, void *userdata) {
    Rows *rows = userdata;
    json_t *row;

    int r = render_task(rows->agent, task, &row);
    return r < 0 ? r : append(rows, row);
}

static int append_attempt(AttemptRecord *attempt, void *userdata) {
    json_t *row;

    int r = render_attempt(attempt, &row);
    return r < 0 ? r : append(userdata, row);
}

// task 0: all of them.
static int reply_job(IpcCall *call, Agent *agent, const JobRecord *job, uint32_t task) {
    Rows tasks = { agent, json_array() }, attempts = { agent, json_array() };
    json_t *rendered = NULL;
    int r = tasks.array && attempts.array ? 0 : -ENOMEM;

    if (r >= 0)
        r = store_walk_tasks(
            agent->store,
            &(StoreFilter){
                .job = job->id, .after_task = task > 0 ? task - 1 : 0, .limit = task > 0 ? 1 : 0, .owner_uid = -1 },
            append_task, &tasks);
    if (r >= 0)
        r = store_walk_attempts(agent->store, job->id, task, append_attempt, &attempts);
    if (r >= 0)
        r = render_job(agent, job, true, &rendered);
    if (r >= 0)
        r = ipc_call_reply(
            call, json_pack("{s:o, s:O?, s:O?}", "job", rendered, "tasks", tasks.array, "attempts", attempts.array));
    json_decref(tasks.array);
    json_decref(attempts.array);
    return r;
}

int method_get_job(IpcCall *call, const json_t *parameters, void *userdata) {
    json_int_t id = json_integer_value(json_object_get(parameters, "id"));
    const json_t *task = json_object_get(parameters, "task");
    json_int_t number = json_integer_value(task); // 0 when there is none
    Agent *agent = userdata;
    json_t *rendered;
    JobRecord job;

    int r = id > 0 ? store_get_job(agent->store, (uint64_t)id, &job) : -ENOENT;
    if (r == -ENOENT)
        return no_such_job(call, id);
    if (r < 0)
        return r;
    if (access_to_job(agent, ipc_call_peer(call), &job)) {
        if (is_there(task) && (number < 1 || number > job.tasks))
            r = ipc_call_error(call, "io.corral.Jobs.NoSuchTask", json_pack("{s:I, s:I}", "job", id, "task", number));
        else
            r = reply_job(call, agent, &job, (uint32_t)number);
    } else {
        r = render_job(agent, &job, false, &rendered);
        if (r >= 0)
            r = ipc_call_reply(call, json_pack("{s:o}", "job", rendered));
    }
    job_record_deinit(&job);
    return r;
}

// ---- what a list chooses ----

typedef struct Query {
    bool administrator;
    bool one_job;  // job is the only one
    uint64_t job;  // the one that was looked at last, or is being looked at
    uint32_t task; // likewise
    bool in_job;   // its tasks are being looked at
    uint64_t entry;
    uint32_t statuses; // 0: any
    int64_t owner_uid; // -1: any
    char *name;        // NULL: any
    bool name_is_prefix;
} Query;

static void query_free(void *userdata) {
    Query *query = userdata;

    if (!query)
        return;
    free(query->name);
    free(query);
}

static void cleanup_query(Query **query) {
    query_free(*query);
}

// A job or task number that may stand in a call: 0 for "before the first".
static int read_number(const json_t *value, uint64_t maximum, uint64_t *ret) {
    json_int_t number = json_integer_value(value);

    if (number < 0 || (uint64_t)number > maximum)
        return -EINVAL;
    *ret = (uint64_t)number;
    return 0;
}

static int read_statuses(const json_t *names, uint32_t *ret) {
    for (size_t i = 0; i < json_array_size(names); i++) {
        Status status;
        int r = status_from_name(json_string_value(json_array_get(names, i)), &status);
        if (r < 0)
            return r;
        *ret |= 1u << status;
    }
    return 0;
}

// A name, or a number also of a user that is no longer known: his jobs may still be on record.
static int read_owner(const char *text, int64_t *ret) {
    const User *user;
    uint64_t uid;

    int r = user_by_name(text, &user);
    if (r >= 0) {
        *ret = user->uid;
        return 0;
    }
    if (r != -ENOENT || parse_uint64(text, &uid) < 0 || uid > UINT32_MAX)
        return r;
    *ret = (int64_t)uid;
    return 0;
}

static int read_name(const char *text, Query *query) {
    size_t length = strlen(text);

    query->name = strdup(text);
    if (!query->name)
        return -ENOMEM;
    if (length > 0 && text[length - 1] == '*') {
        query->name[length - 1] = '\0';
        query->name_is_prefix = true;
    }
    return 0;
}

// What ListJobs and ListTasks have in common. 0; 1 when the call was answered with an error; negative errno.
static int read_query(Agent *agent, IpcCall *call, const json_t *parameters, Query **ret, uint64_t *ret_limit) {
    const json_t *owner = json_object_get(parameters, "owner"), *name = json_object_get(parameters, "name");
    const json_t *limit = json_object_get(parameters, "limit");
    CLEANUP(cleanup_query) Query *query = calloc(1, sizeof *query);
    int r = 0;

    if (!query)
        return -ENOMEM;
    query->administrator = access_is_administrator(agent, ipc_call_peer(call));
    query->owner_uid = -1;
    if (read_statuses(json_object_get(parameters, "status"), &query->statuses) < 0)
        return ipc_call_invalid_parameter(call, "status") < 0 ? -ENOMEM : 1;
    if (is_there(limit) && (json_integer_value(limit) < 1 || json_integer_value(limit) > LIMIT_MAX))
        return ipc_call_invalid_parameter(call, "limit") < 0 ? -ENOMEM : 1;
    if (is_there(owner)) {
        r = read_owner(json_string_value(owner), &query->owner_uid);
        if (r == -ENOENT)
            return ipc_call_error(call, "io.corral.Jobs.NoSuchUser", json_pack("{s:O}", "user", owner)) < 0 ? -ENOMEM
                                                                                                            : 1;
    }
    if (r >= 0 && is_there(name))
        r = read_name(json_string_value(name), query);
    if (r < 0)
        return r;
    *ret_limit = (uint64_t)json_integer_value(limit);
    *ret = TAKE_PTR(query);
    return 0;
}

static bool has_name(const Query *query, const char *name) {
    if (!query->name)
        return true;
    if (!name)
        return false;
    return query->name_is_prefix ? strncmp(name, query->name, strlen(query->name)) == 0
                                 : strcmp(name, query->name) == 0;
}

static bool has_owner(const Query *query, const JobRecord *job) {
    return query->owner_uid < 0 || query->owner_uid == (int64_t)job->owner_uid;
}

static bool has_status(const Query *query, Status status) {
    return query->statuses == 0 || (query->statuses & 1u << status) != 0;
}

static bool may_see(const Listing *listing, const Query *query, const JobRecord *job) {
    return query->administrator || access_to_job(listing_agent(listing), listing_peer(listing), job);
}

// ---- ListJobs ----

typedef struct Visit {
    Listing *listing;
    Query *query;
} Visit;

static int list_job(JobRecord *job, void *userdata) {
    const Visit *visit = userdata;
    Query *query = visit->query;
    json_t *row;

    query->job = job->id;
    bool details = may_see(visit->listing, query, job);
    // A name that the caller may not see cannot be asked for either.
    if (!has_status(query, job->status) || !has_owner(query, job) ||
        (query->name && !(details && has_name(query, job->name))))
        return listing_skip(visit->listing);
    int r = render_job(listing_agent(visit->listing), job, details, &row);
    return r < 0 ? r : listing_add(visit->listing, row);
}

static int list_jobs(Listing *listing, void *userdata) {
    Query *query = userdata;
    bool live = query->statuses != 0 && (query->statuses & ~STATUSES_LIVE) == 0;
    // What the store has an index for is chosen there; the rest here, so that a page ends although nothing is found.
    StoreFilter filter = { .after_job = query->job,
                           .statuses = live ? STATUSES_LIVE : 0,
                           .owner_uid = live ? -1 : query->owner_uid };

    return store_walk_jobs(listing_agent(listing)->store, &filter, list_job, &(Visit){ listing, query });
}

int method_list_jobs(IpcCall *call, const json_t *parameters, void *userdata) {
    Agent *agent = userdata;
    uint64_t limit;
    Query *query;

    int r = read_query(agent, call, parameters, &query, &limit);
    if (r != 0)
        return r < 0 ? r : 0;
    if (read_number(json_object_get(parameters, "after"), INT64_MAX, &query->job) < 0) {
        query_free(query);
        return ipc_call_invalid_parameter(call, "after");
    }
    return listing_start(agent, call, "job", limit, list_jobs, query, query_free);
}

// ---- ListTasks ----

static int list_task(TaskRecord *task, void *userdata) {
    const Visit *visit = userdata;
    json_t *row;

    visit->query->task = task->id;
    if (!has_status(visit->query, task->status) || !has_name(visit->query, task->name))
        return listing_skip(visit->listing);
    int r = render_task(listing_agent(visit->listing), task, &row);
    return r < 0 ? r : listing_add(visit->listing, row);
}

static int enter_job(JobRecord *job, void *userdata) {
    const Visit *visit = userdata;
    Query *query = visit->query;

    query->job = job->id;
    query->task = 0;
    query->in_job = has_owner(query, job) && may_see(visit->listing, query, job);
    return query->in_job ? LISTING_PAGE_FULL : listing_skip(visit->listing);
}

// Goes on to the next job whose tasks are wanted. LISTING_GO_ON when there is none.
static int next_job(Listing *listing, Query *query) {
    StoreFilter filter = { .after_job = query->job, .owner_uid = query->owner_uid };

    if (query->one_job)
        return LISTING_GO_ON;
    if (!query->administrator && filter.owner_uid < 0)
        filter.owner_uid = (int64_t)listing_peer(listing)->uid;
    return store_walk_jobs(listing_agent(listing)->store, &filter, enter_job, &(Visit){ listing, query });
}

static int list_tasks(Listing *listing, void *userdata) {
    Query *query = userdata;
    Visit visit = { listing, query };

    for (;;) {
        if (query->in_job) {
            StoreFilter filter = { .job = query->job, .after_task = query->task };
            int r = store_walk_tasks(listing_agent(listing)->store, &filter, list_task, &visit);
            if (r != LISTING_GO_ON)
                return r;
            query->in_job = false;
            if (listing_skip(listing) == LISTING_PAGE_FULL)
                return LISTING_PAGE_FULL;
        }
        int r = next_job(listing, query);
        if (r < 0 || !query->in_job)
            return r;
    }
}

// Enters the one job that is asked for. 0; 1 when the call was answered with an error; negative errno.
static int choose_job(Agent *agent, IpcCall *call, json_int_t id, Query *query) {
    JobRecord job;

    int r = id > 0 ? store_get_job(agent->store, (uint64_t)id, &job) : -ENOENT;
    if (r == -ENOENT)
        return no_such_job(call, id) < 0 ? -ENOMEM : 1;
    if (r < 0)
        return r;
    bool allowed = access_to_job(agent, ipc_call_peer(call), &job);
    query->in_job = allowed && has_owner(query, &job);
    query->one_job = true;
    query->job = job.id;
    job_record_deinit(&job);
    if (!allowed)
        return ipc_call_error(call, "io.corral.Jobs.PermissionDenied", NULL) < 0 ? -ENOMEM : 1;
    return 0;
}

// Goes to the task that the caller has seen last. 0; 1 when it was invalid and the call was answered; negative errno.
static int go_behind(Agent *agent, IpcCall *call, const json_t *after, Query *query) {
    uint64_t job, task;
    JobRecord record;

    if (read_number(json_object_get(after, "job"), INT64_MAX, &job) < 0 ||
        read_number(json_object_get(after, "task"), UINT32_MAX, &task) < 0)
        return ipc_call_invalid_parameter(call, "after") < 0 ? -ENOMEM : 1;
    if (query->one_job) {
        query->in_job = query->in_job && job <= query->job;
        query->task = job == query->job ? (uint32_t)task : 0;
        return 0;
    }
    query->job = job;
    query->task = (uint32_t)task;
    int r = store_get_job(agent->store, job, &record);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    query->in_job =
        has_owner(query, &record) && (query->administrator || access_to_job(agent, ipc_call_peer(call), &record));
    job_record_deinit(&record);
    return 0;
}

int method_list_tasks(IpcCall *call, const json_t *parameters, void *userdata) {
    const json_t *job = json_object_get(parameters, "job"), *after = json_object_get(parameters, "after");
    Agent *agent = userdata;
    uint64_t limit;
    Query *query;

    int r = read_query(agent, call, parameters, &query, &limit);
    if (r != 0)
        return r < 0 ? r : 0;
    if (is_there(job))
        r = choose_job(agent, call, json_integer_value(job), query);
    if (r == 0 && is_there(after))
        r = go_behind(agent, call, after, query);
    if (r != 0) {
        query_free(query);
        return r < 0 ? r : 0;
    }
    return listing_start(agent, call, "task", limit, list_tasks, query, query_free);
}

// ---- GetHistory ----

static int list_entry(const HistoryRecord *entry, void *userdata) {
    const Visit *visit = userdata;
    json_t *row;

    visit->query->entry = entry->sequence;
    int r = render_history(entry, &row);
    return r < 0 ? r : listing_add(visit->listing, row);
}

static int list_history(Listing *listing, void *userdata) {
    Query *query = userdata;

    return store_walk_history(listing_agent(listing)->store, query->job, query->entry, 0, list_entry,
                              &(Visit){ listing, query });
}

int method_get_history(IpcCall *call, const json_t *parameters, void *userdata) {
    CLEANUP(cleanup_query) Query *query = calloc(1, sizeof *query);
    Agent *agent = userdata;

    if (!query)
        return -ENOMEM;
    query->owner_uid = -1;
    int r = choose_job(agent, call, json_integer_value(json_object_get(parameters, "job")), query);
    if (r != 0)
        return r < 0 ? r : 0;
    if (read_number(json_object_get(parameters, "after"), INT64_MAX, &query->entry) < 0)
        return ipc_call_invalid_parameter(call, "after");
    return listing_start(agent, call, "entry", 0, list_history, TAKE_PTR(query), query_free);
}
