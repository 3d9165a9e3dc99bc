// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/task-output.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/base64.h"
#include "cli/connection.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/text.h"

#include <errno.h>

void task_output_deinit(TaskOutput *output) {
    stream_deinit(&output->stream);
    buffer_deinit(&output->partial);
}

static json_t *output_parameters(void *userdata) {
    const TaskOutput *output = userdata;
    json_t *parameters = memory_json(json_pack("{s:I, s:I, s:s, s:I, s:b}", "job", (json_int_t)output->job, "task",
                                               (json_int_t)output->task, "stream", output->name, "offset",
                                               (json_int_t)output->offset, "follow", output->follow));

    if (output->attempt > 0)
        memory_set(parameters, "attempt", json_integer(output->attempt));
    return parameters;
}

int task_output_start(TaskOutput *output, int64_t attempt) {
    output->attempt = attempt;
    output->offset = 0;
    output->stream.method = "GetOutput";
    output->stream.parameters = output_parameters;
    output->stream.userdata = output;
    return stream_open(&output->stream);
}

static int write_out(const TaskOutput *output, const void *data, size_t size) {
    int r = file_write_all(output->fd, data, size);
    return r < 0 && r != -EPIPE ? log_errno(LOG_ERR, r, "cannot write the output of the task") : r;
}

// Characters may be cut by the end of a piece: such a beginning waits for the next one.
static int write_escaped(TaskOutput *output, const Buffer *piece, bool last) {
    Buffer escaped = BUFFER_NULL;

    memory_require(buffer_append(&output->partial, buffer_bytes(piece), buffer_size(piece)) == 0);
    const char *text = (const char *)buffer_bytes(&output->partial);
    size_t size = buffer_size(&output->partial);
    size -= last ? 0 : text_incomplete(text, size);
    text_escape(&escaped, text, size, "\n\t");
    buffer_consume(&output->partial, size);
    int r = write_out(output, buffer_bytes(&escaped), buffer_size(&escaped));
    buffer_deinit(&escaped);
    return r;
}

static int pass_on(TaskOutput *output, const IpcReply *reply) {
    const json_t *data = json_object_get(reply->parameters, "data");
    Buffer piece = BUFFER_NULL;
    int r = 0;

    if (output->json) {
        output_json(reply->parameters);
        r = output_flush();
    }
    // The last reply may be without data.
    if (json_is_string(data))
        r = r < 0 ? r : base64_decode(json_string_value(data), json_string_length(data), &piece);
    if (r == -EBADMSG)
        r = connection_complain_lost(r);
    if (r >= 0 && !output->json)
        r = output->escaped ? write_escaped(output, &piece, !reply->continues)
                            : write_out(output, buffer_bytes(&piece), buffer_size(&piece));
    if (r >= 0)
        output->offset += (int64_t)buffer_size(&piece);
    buffer_deinit(&piece);
    return r;
}

int task_output_receive(TaskOutput *output, IpcReply *ret) {
    int r = stream_receive(&output->stream, ret);

    if (r > 0 && ret->error)
        r = -EREMOTEIO;
    else if (r > 0 && (r = pass_on(output, ret)) >= 0)
        r = 1;
    if (r < 0 || (r > 0 && !ret->continues))
        stream_deinit(&output->stream);
    return r;
}
