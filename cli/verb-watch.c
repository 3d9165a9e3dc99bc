// SPDX-License-Identifier: LGPL-2.1-or-later
// Transitions as they happen, for as long as somebody reads them. Survives restarts of the agent.
#include "cli/connection.h"
#include "cli/history.h"
#include "cli/memory.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/stream.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

typedef struct Watching {
    const int64_t *jobs;
    size_t n_jobs;  // 0: all
    int64_t cursor; // -1: none yet
    bool json;
} Watching;

static json_t *watch_parameters(void *userdata) {
    const Watching *watching = userdata;
    json_t *parameters = memory_json(json_object());

    if (watching->n_jobs > 0) {
        json_t *ids = memory_json(json_array());
        memory_set(parameters, "jobs", ids);
        for (size_t i = 0; i < watching->n_jobs; i++)
            memory_append(ids, json_integer(watching->jobs[i]));
    }
    if (watching->cursor >= 0)
        memory_set(parameters, "cursor", json_integer(watching->cursor));
    return parameters;
}

static void take_reply(Watching *watching, const json_t *reply) {
    const json_t *entry = json_object_get(reply, "entry"), *cursor = json_object_get(reply, "cursor");

    if (json_is_integer(cursor))
        watching->cursor = json_integer_value(cursor);
    if (json_is_integer(json_object_get(entry, "seq")))
        watching->cursor = json_integer_value(json_object_get(entry, "seq"));
    if (watching->json)
        output_json(reply);
    else if (json_is_object(entry))
        history_print_line(entry);
}

int verb_watch(const Arguments *arguments) {
    AUTO_FREE int64_t *jobs = NULL;
    AUTO_IPC_REPLY IpcReply reply = IPC_REPLY_NULL;

    if (operands_jobs(arguments, &jobs) < 0)
        return EXIT_USAGE;
    Watching watching = { jobs, arguments->n_operands, -1, arguments_has(arguments, OPTION_JSON) };
    Stream stream = { .socket_path = connection_path(arguments),
                      .method = "Watch",
                      .parameters = watch_parameters,
                      .userdata = &watching };
    Stream *streams[] = { &stream };
    int r = stream_open(&stream);

    while (r >= 0 && output_flush() >= 0) {
        if (streams_wait(streams, 1, -1, UINT64_MAX))
            r = stream_receive(&stream, &reply);
        if (r > 0 && reply.error)
            r = connection_complain_of_reply(&reply);
        if (r > 0)
            take_reply(&watching, reply.parameters);
    }
    stream_deinit(&stream);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
