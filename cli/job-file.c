// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/job-file.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/memory.h"
#include "ipc/idl.h"
#include "ipc/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

typedef struct Expectation {
    const char *field;
    const char *text;
} Expectation;

// By name alone: fields of the same name are of the same type in JobSpec, TaskSpec and Limits.
static const Expectation expectations[] = {
    { "name", "a string" },
    { "priority", "one of \"lowest\", \"belowNormal\", \"normal\", \"aboveNormal\", \"highest\"" },
    { "user", "a string, the name or number of a user" },
    { "minSlots", "a whole number" },
    { "maxSlots", "a whole number" },
    { "runTimeLimit", "a whole number, microseconds" },
    { "gracePeriod", "a whole number, microseconds" },
    { "environment", "an array of strings \"NAME=VALUE\"" },
    { "umask", "a whole number, 0 to 511" },
    { "processLimits", "an object whose values are whole numbers" },
    { "limits", "an object with memoryMax, processMax, cpuMax" },
    { "memoryMax", "a whole number, bytes" },
    { "processMax", "a whole number" },
    { "cpuMax", "a whole number, hundredths of a processor" },
    { "tasks", "an array of objects, one for each task" },
    { "command", "an array of strings, the program and its arguments" },
    { "workDirectory", "a string, an absolute path" },
    { "stdin", "a string, the name of a file" },
    { "stdout", "a string, the name of a file" },
    { "stderr", "a string, the name of a file" },
    { "rerunnable", "true or false" },
};

const char *job_file_expectation(const char *field) {
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
        if (strcmp(expectations[i].field, field) == 0)
            return expectations[i].text;
    return NULL;
}

// Of "tasks[3].command[1]" the name "command"; of "processLimits.nofile" the "processLimits" whose key is free.
static char *field_name(const char *path) {
    static const char map[] = "processLimits";
    const char *last = strrchr(path, '.');
    const char *begin = strncmp(path, map, sizeof map - 1) == 0 ? path : last ? last + 1 : path;

    return memory_printf("%.*s", (int)strcspn(begin, ".["), begin);
}

static char *describe_field(const char *path) {
    AUTO_FREE char *name = field_name(path);
    const char *expected = job_file_expectation(name);

    if (path[0] == '\0')
        return memory_printf("a job is a JSON object");
    if (!expected)
        return memory_printf("%s: there is no such field, see corral-job(5)", path);
    return memory_printf("%s: %s is expected", path, expected);
}

int job_file_parse(const char *text, size_t size, json_t **ret, char **ret_text) {
    CLEANUP(cleanup_ipc_interface_free) IpcInterface *interface = NULL;
    AUTO_JSON json_t *job = NULL;
    char reason[256] = "", field[IPC_FIELD_MAX] = "";

    memory_require(ipc_interface_parse(ipc_interface_text_io_corral_jobs, strlen(ipc_interface_text_io_corral_jobs),
                                       &interface, reason, sizeof reason) != -ENOMEM);
    int r = ipc_json_parse(text, size, &job, reason, sizeof reason);
    memory_require(r != -ENOMEM);
    if (r < 0) {
        *ret_text = memory_printf("%s", reason);
        return -EBADMSG;
    }
    if (ipc_check_type(interface, "JobSpec", job, field) < 0) {
        *ret_text = describe_field(field);
        return -EBADMSG;
    }
    *ret = TAKE_PTR(job);
    return 0;
}

// Reads all of fd. -EFBIG when it is more than a job file may have.
static int read_all(int fd, Buffer *buffer) {
    for (;;) {
        size_t room = JOB_FILE_MAX + 1 - buffer_size(buffer);
        void *bytes = buffer_reserve(buffer, room);
        memory_require(bytes != NULL);
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, bytes, room));
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        buffer->end += (size_t)n;
        if (buffer_size(buffer) > JOB_FILE_MAX)
            return -EFBIG;
    }
}

static int read_file(const char *path, Buffer *buffer) {
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, buffer);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : read_all(fd, buffer);
}

int job_file_read(const char *path, json_t **ret) {
    const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
    AUTO_FREE char *text = NULL;
    Buffer buffer = BUFFER_NULL;

    int r = read_file(path, &buffer);
    if (r == -EFBIG)
        log_error("%s: a job file has at most %d bytes; add tasks with 'corral add'", shown, JOB_FILE_MAX);
    else if (r < 0)
        log_errno(LOG_ERR, r, "%s", shown);
    else
        r = job_file_parse((const char *)buffer_bytes(&buffer), buffer_size(&buffer), ret, &text);
    if (text)
        log_error("%s: %s", shown, text);
    buffer_deinit(&buffer);
    return r;
}
