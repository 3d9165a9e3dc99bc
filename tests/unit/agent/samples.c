// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define SAMPLE_EVIDENCE                                                                                                \
    "[{\"pid\":1,\"parentPid\":2,\"uid\":3,\"command\":\"c\",\"state\":\"S\",\"cpuTime\":4,\"residentSize\":5,"        \
    "\"threads\":6}]"

JobRecord sample_job(void) {
    return (JobRecord){ .name = strdup("größe"),
                        .status = STATUS_RUNNING,
                        .cause = CAUSE_LOST,
                        .owner_uid = 1000,
                        .owner = strdup("alice"),
                        .user_uid = 1001,
                        .user = strdup("bob"),
                        .priority = PRIORITY_BELOW_NORMAL,
                        .min_slots = 3,
                        .max_slots = 4,
                        .run_time_limit = 5,
                        .grace_period = 6,
                        .queue_order = -7,
                        .runs = 8,
                        .tasks = 9,
                        .error_message = strdup("error"),
                        .cancel_message = strdup(""),
                        .canceled_by = strdup("carol"),
                        .cancel_time = 10,
                        .intent = INTENT_RUN_TIME,
                        .intent_grace = 11,
                        .intent_time = 12,
                        .create_time = 13,
                        .submit_time = 14,
                        .start_time = 15,
                        .end_time = 16 };
}

TaskRecord sample_task(uint64_t job, uint32_t id) {
    return (TaskRecord){ .job = job,
                         .id = id,
                         .name = strdup("task"),
                         .status = STATUS_QUEUED,
                         .cause = CAUSE_REQUEUED,
                         .exit_code = -1,
                         .signal = 9,
                         .attempt = 2,
                         .rerunnable = true,
                         .run_time_limit = 3,
                         .error_message = strdup("error"),
                         .cancel_message = strdup("message"),
                         .canceled_by = strdup("dora"),
                         .intent = INTENT_CANCEL,
                         .intent_grace = RECORD_UNKNOWN,
                         .intent_time = 4,
                         .create_time = 5,
                         .start_time = 6,
                         .end_time = 7 };
}

AttemptRecord sample_attempt(uint64_t job, uint32_t task, uint32_t attempt) {
    return (AttemptRecord){ .key = { .job = job, .run = 3, .task = task, .attempt = attempt },
                            .status = STATUS_RUNNING,
                            .cause = CAUSE_NONE,
                            .exited = true,
                            .wait_status = 0x0b00,
                            .error_message = strdup("error"),
                            .start_time = 1,
                            .end_time = 2,
                            .boot_id = "0123456789abcdef0123456789abcdef",
                            .cgroup_id = UINT64_MAX - 1,
                            .user_time = 3,
                            .system_time = 4,
                            .memory_peak = RECORD_UNKNOWN,
                            .max_resident = 5,
                            .process_peak = 6,
                            .processes_killed = 7,
                            .stdout_kept = 8,
                            .stdout_dropped = 9,
                            .stderr_kept = 10,
                            .stderr_dropped = 0,
                            .evidence = strdup(SAMPLE_EVIDENCE) };
}

HistoryRecord sample_history(uint64_t job) {
    return (HistoryRecord){ .time = 1,
                            .job = job,
                            .task = 2,
                            .run = 3,
                            .attempt = 4,
                            .from = -1,
                            .to = STATUS_QUEUED,
                            .cause = "added",
                            .actor = "alice",
                            .message = "why" };
}

json_t *sample_json(const char *text) {
    json_t *value = NULL;

    cr_assert_eq(ipc_json_parse(text, strlen(text), &value, NULL, 0), 0, "%s", text);
    return value;
}

uint64_t sample_add(Store *store, Status status, uint32_t n_tasks) {
    AUTO_JSON json_t *spec = sample_json(SAMPLE_SPEC);
    JobRecord job = sample_job();
    uint64_t id;

    job.status = status;
    job.tasks = n_tasks;
    cr_assert_eq(store_add_job(store, &job, spec, &id), 0);
    for (uint32_t i = 1; i <= n_tasks; i++) {
        TaskRecord task = sample_task(id, i);
        task.status = status;
        task.attempt = 0;
        cr_assert_eq(store_add_task(store, &task, spec), 0);
        task_record_deinit(&task);
    }
    job_record_deinit(&job);
    return id;
}

// ---- a directory ----

static char directory[64];

const char *scratch_make(void) {
    (void)strcpy(directory, "/tmp/corral-unit-XXXXXX");
    cr_assert_neq(mkdtemp(directory), NULL);
    return directory;
}

void scratch_remove(void) {
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    char path[512];

    if (!dir)
        return;
    while ((entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    (void)rmdir(directory);
}
