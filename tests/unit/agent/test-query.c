// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/agent/harness.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ALICE 1000 // owns all jobs of sample_add()
#define EVE 2000

static HarnessClient root, alice, eve;

static void setup(void) {
    harness_start();
    root = harness_connect(0);
    alice = harness_connect(ALICE);
    eve = harness_connect(EVE);
}

static void teardown(void) {
    harness_disconnect(&root);
    harness_disconnect(&alice);
    harness_disconnect(&eve);
    harness_stop();
}

TestSuite(query, .init = setup, .fini = teardown);

static uint64_t add(Status status, uint32_t n_tasks) {
    return sample_add(harness_agent.store, status, n_tasks);
}

static uint64_t add_job(uid_t owner, const char *name, Status status) {
    AUTO_JSON json_t *spec = sample_json(SAMPLE_SPEC);
    JobRecord job = sample_job();
    uint64_t id;

    job.owner_uid = owner;
    free(job.name);
    job.name = strdup(name);
    job.status = status;
    cr_assert_eq(store_add_job(harness_agent.store, &job, spec, &id), 0);
    TaskRecord task = sample_task(id, 1);
    cr_assert_eq(store_add_task(harness_agent.store, &task, spec), 0);
    task_record_deinit(&task);
    job_record_deinit(&job);
    return id;
}

static void expect_jobs(HarnessClient *client, const char *parameters, const char *expected) {
    const char *found = harness_list(client, "ListJobs", parameters, "job", "id");

    cr_assert_str_eq(found, expected, "%s: %s", parameters, found);
}

static void expect_tasks(HarnessClient *client, const char *parameters, const char *expected) {
    const char *found = harness_list(client, "ListTasks", parameters, "task", "job");

    cr_assert_str_eq(found, expected, "%s: %s", parameters, found);
}

// ---- ListJobs ----

Test(query, list_jobs) {
    expect_jobs(&root, "{}", "none");
    add_job(ALICE, "alpha", STATUS_FINISHED);
    expect_jobs(&root, "{}", "1"); // one is the final reply at once
    add_job(ALICE, "alphabet", STATUS_QUEUED);
    add_job(EVE, "alpha", STATUS_FAILED);
    add_job(EVE, "a*", STATUS_RUNNING);
    expect_jobs(&root, "{}", "1 2 3 4");
    expect_jobs(&root, "{\"status\":[\"queued\",\"running\"]}", "2 4");
    expect_jobs(&root, "{\"status\":[\"failed\"]}", "3");
    expect_jobs(&root, "{\"status\":[\"failed\",\"queued\"]}", "2 3");
    expect_jobs(&root, "{\"status\":[]}", "1 2 3 4");
    expect_jobs(&root, "{\"status\":[\"canceled\"]}", "none");
    expect_jobs(&root, "{\"owner\":\"1000\"}", "1 2");
    expect_jobs(&root, "{\"owner\":\"1000\",\"status\":[\"queued\",\"running\"]}", "2");
    expect_jobs(&root, "{\"owner\":\"root\"}", "none");
    expect_jobs(&root, "{\"owner\":\"no such user\"}", "io.corral.Jobs.NoSuchUser");
    expect_jobs(&root, "{\"name\":\"alpha\"}", "1 3");
    expect_jobs(&root, "{\"name\":\"alpha*\"}", "1 2 3");
    expect_jobs(&root, "{\"name\":\"*\"}", "1 2 3 4");
    expect_jobs(&root, "{\"name\":\"\"}", "none");
    expect_jobs(&root, "{\"after\":2}", "3 4");
    expect_jobs(&root, "{\"after\":4}", "none");
    expect_jobs(&root, "{\"limit\":2}", "1 2");
    expect_jobs(&root, "{\"after\":1,\"limit\":1}", "2");
    expect_jobs(&root, "{\"name\":\"alpha*\",\"limit\":2}", "1 2");
    expect_jobs(&root, "{\"limit\":0}", "org.varlink.service.InvalidParameter");
    expect_jobs(&root, "{\"limit\":10001}", "org.varlink.service.InvalidParameter");
    expect_jobs(&root, "{\"limit\":10000}", "1 2 3 4");
    expect_jobs(&root, "{\"after\":-1}", "org.varlink.service.InvalidParameter");
}

Test(query, strangers_learn_nothing) {
    add_job(ALICE, "secret", STATUS_FINISHED);
    add_job(EVE, "mine", STATUS_FINISHED);
    expect_jobs(&eve, "{}", "1 2");
    expect_jobs(&eve, "{\"owner\":\"1000\"}", "1"); // owner and status are told to everybody
    expect_jobs(&eve, "{\"name\":\"secret\"}", "none");
    expect_jobs(&eve, "{\"name\":\"s*\"}", "none");
    expect_jobs(&eve, "{\"name\":\"*\"}", "2");
    expect_jobs(&alice, "{\"name\":\"secret\"}", "1");

    harness_send(&eve, "ListJobs", "{\"limit\":1}");
    AUTO_JSON json_t *message = harness_receive(&eve);
    const json_t *job = json_object_get(json_object_get(message, "parameters"), "job");
    static const char *const told[] = { "id",         "status",    "owner",   "ownerUid", "createTime",
                                        "submitTime", "startTime", "endTime", NULL };
    size_t n = 0;
    const json_t *value;
    const char *field;
    json_object_foreach ((json_t *)job, field, value) {
        size_t i = 0;
        while (told[i] && strcmp(told[i], field) != 0)
            i++;
        cr_assert(told[i] || json_is_null(value), "%s is told", field);
        n += told[i] != NULL;
    }
    cr_assert_eq(n, 8);
}

// Many pages, a client that does not keep up, and one that goes away.
Test(query, long_lists) {
    harness_turn();
    for (int i = 0; i < 1050; i++)
        add(STATUS_FINISHED, 0);
    HarnessClient leaving = harness_connect(0);
    harness_send(&leaving, "ListJobs", "{}");
    harness_turn();
    harness_disconnect(&leaving);
    harness_send(&root, "ListJobs", "{}");
    harness_send(&root, "ListJobs", "{\"after\":1049}");
    for (int i = 1; i <= 1050; i++) {
        AUTO_JSON json_t *message = harness_receive(&root);
        const json_t *job = json_object_get(json_object_get(message, "parameters"), "job");
        cr_assert_eq(json_integer_value(json_object_get(job, "id")), i);
        cr_assert_eq(json_is_true(json_object_get(message, "continues")), i < 1050);
    }
    AUTO_JSON json_t *last = harness_receive(&root);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(json_object_get(last, "parameters"), "job"), "id")),
                 1050);
}

Test(query, slow_clients) {
    HarnessClient slow = harness_connect(0);
    const int n = 12000; // more than its backlog and its socket hold

    for (int i = 0; i < n; i++)
        add(STATUS_FINISHED, 0);
    harness_send(&slow, "ListJobs", "{}");
    for (int i = 0; i < 500; i++)
        harness_turn();
    cr_assert(ipc_server_connections(harness_agent.server) == 4);
    cr_assert_eq(sd_event_run(harness_agent.event, 0), 0, "it turns for nothing");
    add(STATUS_FINISHED, 0); // it has not come so far yet, so this one is told too
    for (int i = 1; i <= n + 1; i++) {
        AUTO_JSON json_t *message = harness_receive(&slow);
        const json_t *job = json_object_get(json_object_get(message, "parameters"), "job");
        cr_assert_eq(json_integer_value(json_object_get(job, "id")), i);
    }
    harness_disconnect(&slow);
}

// ---- ListTasks ----

Test(query, list_tasks) {
    expect_tasks(&root, "{}", "none");
    add(STATUS_FINISHED, 3);
    add(STATUS_QUEUED, 0);
    add(STATUS_FAILED, 2);
    add_job(EVE, "hers", STATUS_QUEUED);
    expect_tasks(&root, "{}", "1 1 1 3 3 4");
    expect_tasks(&alice, "{}", "1 1 1 3 3");
    expect_tasks(&eve, "{}", "4");
    expect_tasks(&root, "{\"owner\":\"1000\"}", "1 1 1 3 3");
    expect_tasks(&eve, "{\"owner\":\"1000\"}", "none");
    expect_tasks(&root, "{\"job\":1}", "1 1 1");
    expect_tasks(&root, "{\"job\":2}", "none");
    expect_tasks(&root, "{\"job\":1,\"owner\":\"2000\"}", "none");
    expect_tasks(&root, "{\"job\":99}", "io.corral.Jobs.NoSuchJob");
    expect_tasks(&root, "{\"job\":-1}", "io.corral.Jobs.NoSuchJob");
    expect_tasks(&eve, "{\"job\":1}", "io.corral.Jobs.PermissionDenied");
    expect_tasks(&root, "{\"status\":[\"failed\"]}", "3 3");
    expect_tasks(&root, "{\"name\":\"task\",\"limit\":4}", "1 1 1 3");
    expect_tasks(&root, "{\"name\":\"other\"}", "none");
    expect_tasks(&root, "{\"after\":{\"job\":1,\"task\":2}}", "1 3 3 4");
    expect_tasks(&root, "{\"after\":{\"job\":1,\"task\":3}}", "3 3 4");
    expect_tasks(&root, "{\"after\":{\"job\":3,\"task\":1},\"limit\":1}", "3");
    expect_tasks(&eve, "{\"after\":{\"job\":1,\"task\":1}}", "4");
    expect_tasks(&root, "{\"job\":1,\"after\":{\"job\":1,\"task\":2}}", "1");
    expect_tasks(&root, "{\"job\":1,\"after\":{\"job\":2,\"task\":0}}", "none");
    expect_tasks(&root, "{\"job\":3,\"after\":{\"job\":1,\"task\":2}}", "3 3");
    expect_tasks(&root, "{\"after\":{\"job\":99,\"task\":9}}", "none");
    expect_tasks(&root, "{\"after\":{\"job\":-1,\"task\":0}}", "org.varlink.service.InvalidParameter");
    expect_tasks(&root, "{\"after\":{\"job\":1,\"task\":4294967296}}", "org.varlink.service.InvalidParameter");
    expect_tasks(&root, "{\"job\":1,\"limit\":2}", "1 1");
}

// ---- GetHistory ----

Test(query, get_history) {
    uint64_t job = add(STATUS_FINISHED, 1), other = add(STATUS_FINISHED, 1), sequence;
    char parameters[64];

    cr_assert_str_eq(harness_list(&root, "GetHistory", "{\"job\":1}", "entry", "seq"), "none");
    for (int i = 0; i < 6; i++) {
        HistoryRecord entry = sample_history(i % 2 ? other : job);
        cr_assert_eq(store_add_history(harness_agent.store, &entry, &sequence), 0);
    }
    cr_assert_str_eq(harness_list(&alice, "GetHistory", "{\"job\":1}", "entry", "seq"), "1 3 5");
    (void)snprintf(parameters, sizeof parameters, "{\"job\":1,\"after\":3}");
    cr_assert_str_eq(harness_list(&root, "GetHistory", parameters, "entry", "seq"), "5");
    cr_assert_str_eq(harness_list(&root, "GetHistory", "{\"job\":9}", "entry", "seq"), "io.corral.Jobs.NoSuchJob");
    cr_assert_str_eq(harness_list(&eve, "GetHistory", "{\"job\":1}", "entry", "seq"),
                     "io.corral.Jobs.PermissionDenied");
}

// ---- GetJob ----

static json_t *get_job(HarnessClient *client, const char *parameters) {
    harness_send(client, "GetJob", parameters);
    AUTO_JSON json_t *message = harness_receive(client);
    cr_assert_eq(json_object_get(message, "error"), NULL);
    return json_incref(json_object_get(message, "parameters"));
}

Test(query, get_job) {
    uint64_t id = add(STATUS_FINISHED, 2);
    AttemptRecord attempt = sample_attempt(id, 2, 1);

    cr_assert_eq(store_add_attempt(harness_agent.store, &attempt), 0);
    attempt_record_deinit(&attempt);
    AUTO_JSON json_t *full = get_job(&alice, "{\"id\":1}"), *bare = get_job(&eve, "{\"id\":1}");
    const json_t *job = json_object_get(full, "job");
    cr_assert_str_eq(json_string_value(json_object_get(job, "name")), "größe");
    cr_assert_eq(json_integer_value(json_object_get(job, "cpuTime")), 7);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(job, "tasks"), "finished")), 2);
    cr_assert_eq(json_array_size(json_object_get(full, "tasks")), 2);
    cr_assert_eq(json_array_size(json_object_get(full, "attempts")), 1);
    const json_t *first = json_array_get(json_object_get(full, "attempts"), 0);
    cr_assert_eq(json_integer_value(json_object_get(first, "exitCode")), 11);
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(json_object_get(first, "evidence"), 0), "pid")), 1);
    cr_assert(json_is_null(json_object_get(first, "memoryPeak")));
    cr_assert(!json_is_array(json_object_get(bare, "tasks")) && !json_is_array(json_object_get(bare, "attempts")));
    cr_assert(!json_is_string(json_object_get(json_object_get(bare, "job"), "name")));
    cr_assert_str_eq(harness_list(&root, "GetJob", "{\"id\":2}", "job", "id"), "io.corral.Jobs.NoSuchJob");
    cr_assert_str_eq(harness_list(&root, "GetJob", "{\"id\":0}", "job", "id"), "io.corral.Jobs.NoSuchJob");
}

Test(query, jobs_of_many_tasks_are_told_without_them) {
    add(STATUS_FINISHED, 1000);
    add(STATUS_FINISHED, 1001);
    AUTO_JSON json_t *fits = get_job(&root, "{\"id\":1}"), *large = get_job(&root, "{\"id\":2}");

    cr_assert_eq(json_array_size(json_object_get(fits, "tasks")), 1000);
    cr_assert(!json_is_array(json_object_get(large, "tasks")));
    cr_assert(json_is_array(json_object_get(large, "attempts")));
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(json_object_get(large, "job"), "tasks"), "total")),
                 1001);
}
