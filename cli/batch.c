// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/batch.h"

#include "base/log.h"
#include "cli/connection.h"
#include "cli/memory.h"
#include "cli/output.h"

#include <errno.h>

// One of the two calls.
typedef struct Part {
    const char *member; // "jobs" or "tasks"
    json_t *elements;
    Call call;
    IpcReply reply;
    size_t taken;
} Part;

enum {
    PART_JOBS,
    PART_TASKS,
    N_PARTS
};

static void add_element(Part parts[N_PARTS], const Reference *reference) {
    json_int_t job = reference->job, task = reference->task;

    if (task > 0)
        memory_append(parts[PART_TASKS].elements, memory_json(json_pack("{s:I, s:I}", "job", job, "task", task)));
    else
        memory_append(parts[PART_JOBS].elements, json_integer(job));
}

static int part_send(const Arguments *arguments, Part *part, const json_t *options) {
    part->call.path = connection_path(arguments);
    part->call.parameters = memory_json(json_deep_copy(options));
    memory_require(json_object_set(part->call.parameters, part->member, part->elements) == 0);
    return call_send(&part->call);
}

static void part_deinit(Part *part) {
    json_decref(part->elements);
    call_deinit(&part->call);
    ipc_reply_deinit(&part->reply);
}

static int collect(Part parts[N_PARTS], const Reference *references, size_t n, json_t **ret) {
    AUTO_JSON json_t *results = memory_json(json_array());

    for (size_t i = 0; i < n; i++) {
        Part *part = &parts[references[i].task > 0 ? PART_TASKS : PART_JOBS];
        json_t *result = json_array_get(json_object_get(part->reply.parameters, "results"), part->taken++);
        if (!json_is_object(result)) {
            log_error("the agent did not tell all results; do corral and corrald differ in version?");
            return -EBADMSG;
        }
        memory_append(results, json_incref(result));
    }
    *ret = TAKE_PTR(results);
    return 0;
}

int batch_call(const Arguments *arguments, const char *jobs_method, const char *tasks_method,
               const Reference *references, size_t n, const json_t *options, json_t **ret) {
    Part parts[N_PARTS] = {
        [PART_JOBS] = { .call = { .method = jobs_method }, .member = "jobs", .elements = memory_json(json_array()) },
        [PART_TASKS] = { .call = { .method = tasks_method }, .member = "tasks", .elements = memory_json(json_array()) },
    };
    int r = 0;

    for (size_t i = 0; i < n; i++)
        add_element(parts, &references[i]);
    for (int i = 0; i < N_PARTS && r >= 0; i++)
        if (json_array_size(parts[i].elements) > 0)
            r = part_send(arguments, &parts[i], options);
    for (int i = 0; i < N_PARTS && r >= 0; i++)
        if (parts[i].call.client)
            r = call_receive(&parts[i].call, &parts[i].reply);
    for (int i = 0; i < N_PARTS && r >= 0; i++)
        if (parts[i].call.client && arguments_has(arguments, OPTION_JSON))
            output_json(parts[i].reply.parameters);
    if (r >= 0)
        r = collect(parts, references, n, ret);
    for (int i = 0; i < N_PARTS; i++)
        part_deinit(&parts[i]);
    return r < 0 ? r : 0;
}
