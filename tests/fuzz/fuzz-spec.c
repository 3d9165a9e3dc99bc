// SPDX-License-Identifier: LGPL-2.1-or-later
// Specifications as clients send them: what the checks let through becomes a packet that fits and nothing else is
// refused without a reason. The first character chooses: "t" a task, anything else a job.
#include "agent/spec.h"
#include "base/cleanup.h"
#include "ipc/idl.h"
#include "ipc/interfaces.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const IpcPeer peer = { .uid = 0 };
static const SpecContext context = { .peer = &peer, .slots = 4, .controllers = 1u << CGROUP_MEMORY, .now = 1 };

static IpcInterface *interface(void) {
    static IpcInterface *parsed;

    if (!parsed && ipc_interface_parse(ipc_interface_text_io_corral_jobs, strlen(ipc_interface_text_io_corral_jobs),
                                       &parsed, NULL, 0) < 0)
        abort();
    return parsed;
}

// A refusal is a whole error of the interface.
static void check_error(SpecError *error) {
    static const char prefix[] = "io.corral.Jobs.";
    char field[IPC_FIELD_MAX];

    if (strncmp(error->name, prefix, strlen(prefix)) == 0 &&
        ipc_check_error(interface(), error->name + strlen(prefix), error->parameters, field) < 0)
        abort();
    json_decref(error->parameters);
}

static void check_packet(const json_t *job_spec, const json_t *task_spec) {
    CLEANUP(buffer_deinit) Buffer packet = BUFFER_NULL;
    const JobRecord job = { .user = (char *)"root" };
    const AttemptKey key = { .job = 1, .run = 1, .task = 1, .attempt = 1 };

    if (launch_packet_build(&job, job_spec, task_spec, &key, 0, &packet) < 0 ||
        buffer_size(&packet) > LAUNCHER_MESSAGE_MAX)
        abort();
}

static void check_job(const json_t *spec) {
    AUTO_JSON json_t *task = json_pack("{s:[s]}", "command", "true");
    SpecError error = { 0 };
    JobRecord job;

    int r = job_spec_check(&context, spec, "job", &job, &error);
    if (r == 1)
        check_error(&error);
    else if (r == 0)
        check_packet(spec, task);
    else
        abort();
    job_record_deinit(&job);
}

static void check_task(const json_t *spec) {
    AUTO_JSON json_t *job = json_object();
    SpecError error = { 0 };
    TaskRecord task;

    int r = task_spec_check(&context, spec, "tasks[0]", &task, &error);
    if (r == 1)
        check_error(&error);
    else if (r == 0)
        check_packet(job, spec);
    else
        abort();
    task_record_deinit(&task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool is_task = size > 0 && data[0] == 't';
    AUTO_JSON json_t *spec = NULL;
    char field[IPC_FIELD_MAX];

    if (size == 0 || ipc_json_parse((const char *)data + 1, size - 1, &spec, NULL, 0) < 0 ||
        ipc_check_type(interface(), is_task ? "TaskSpec" : "JobSpec", spec, field) < 0)
        return 0;
    if (is_task)
        check_task(spec);
    else
        check_job(spec);
    return 0;
}
