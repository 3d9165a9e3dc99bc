// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/errors.h"

#include "cli/memory.h"

#include <stdbool.h>
#include <string.h>

#define JOBS "io.corral.Jobs."
#define SERVICE "org.varlink.service."

typedef struct ErrorText {
    const char *error;
    // {name} stands for a parameter of the error; {element} for JOB or, when there is a task, JOB.TASK.
    const char *text;
} ErrorText;

static const ErrorText texts[] = {
    { JOBS "NoSuchJob", "there is no job {job} on record; 'corral list --all' shows those there are" },
    { JOBS "NoSuchTask", "job {job} has no task {task}; 'corral show {job}' lists its tasks" },
    { JOBS "NoSuchAttempt", "task {job}.{task} has no such attempt; 'corral show {job}.{task}' lists them" },
    { JOBS "NoSuchParameter", "there is no parameter '{name}'; 'corral param' lists those there are" },
    { JOBS "ParameterOutOfRange", "{name} has to be from {minimum} to {maximum}, written like these; see corral(1)" },
    { JOBS "InvalidState", "{element} is {status}, which does not allow this; see 'corral show {element}'" },
    { JOBS "PermissionDenied",
      "permission denied: this is for the owner of the job or an administrator; see corral(1)" },
    { JOBS "MessageTooLong", "the message has {length} characters and may have {limit}; shorten it" },
    { JOBS "TooLong", "{parameter} is too long ({length}, at most {limit}); shorten it" },
    { JOBS "TooMany", "{parameter}: {count} are too many for one call (at most {limit}); use several" },
    { JOBS "NoSuchUser", "there is no user '{user}' on this machine; see 'getent passwd'" },
    { JOBS "UserNotAllowed", "tasks of the user '{user}' are not started here: see /etc/corral/launcher.conf" },
    { JOBS "ControllerMissing", "{parameter} cannot be enforced: this machine offers no cgroup controller "
                                "'{controller}' (see 'corral status'); do without this limit" },
    { JOBS "TaskNotRerunnable", "task {job}.{task} has run and may not run again; submit it as a new job" },
    { JOBS "StoreNotWritable", "the agent cannot write its records ({reason}) and has changed nothing; "
                               "make room on its disk and try again" },
    { JOBS "CursorExpired", "the transitions after the cursor are no longer on record; begin without one" },
    { JOBS "ExpectedMore", "the agent wants this call with 'more' set; do corral and corrald differ in version?" },
    { JOBS "InternalError", "the agent could not do its part: {reason}; its log tells more" },
    { SERVICE "InterfaceNotFound", "what answers there does not know {interface}; is it corrald?" },
    { SERVICE "MethodNotFound", "the agent does not know {method}; is corrald older than corral?" },
    { SERVICE "MethodNotImplemented", "the agent does not offer {method}; is corrald older than corral?" },
    { SERVICE "InvalidParameter", "the agent does not accept the value of {parameter}; see corral(1)" },
    { SERVICE "PermissionDenied", "permission denied" },
    { SERVICE "ExpectedMore", "the agent wants this call with 'more' set; do corral and corrald differ in version?" },
};

static void append(Buffer *buffer, const char *text, size_t size) {
    memory_require(buffer_append(buffer, text, size) == 0);
}

// Appends the value of one {name}. False when the parameters do not have it.
static bool append_value(Buffer *buffer, const json_t *parameters, const char *name, size_t length) {
    bool element = length == strlen("element") && memcmp(name, "element", length) == 0;
    const json_t *task = json_object_get(parameters, "task"), *value = NULL;
    AUTO_FREE char *key = strndup(name, length);

    memory_require(key != NULL);
    value = json_object_get(parameters, element ? "job" : key);
    if (json_is_string(value))
        append(buffer, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        memory_require(buffer_printf(buffer, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) == 0);
    else
        return false;
    if (element && json_is_integer(task))
        memory_require(buffer_printf(buffer, ".%" JSON_INTEGER_FORMAT, json_integer_value(task)) == 0);
    return true;
}

// Appends the template with its values. False when one of them is missing.
static bool append_template(Buffer *buffer, const char *template, const json_t *parameters) {
    bool complete = true;

    while (*template) {
        size_t plain = strcspn(template, "{");
        append(buffer, template, plain);
        template += plain;
        if (*template == '\0')
            break;
        size_t length = strcspn(template + 1, "}");
        if (!append_value(buffer, parameters, template + 1, length)) {
            append(buffer, "?", 1);
            complete = false;
        }
        template += length + 2;
    }
    return complete;
}

static const char *find_template(const char *error) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].error, error) == 0)
            return texts[i].text;
    return NULL;
}

char *error_text(const char *error, const json_t *parameters) {
    const char *template = find_template(error);
    Buffer buffer = BUFFER_NULL;

    if (template) {
        (void)append_template(&buffer, template, parameters); // a missing value shows as "?"
    } else {
        memory_require(buffer_printf(&buffer, "the agent answered %s ", error) == 0);
        memory_require(ipc_json_print(parameters, &buffer) == 0);
    }
    return memory_text(&buffer);
}

char *error_text_of_result(const json_t *result) {
    const char *error = json_string_value(json_object_get(result, "error"));
    const char *message = json_string_value(json_object_get(result, "errorMessage"));
    AUTO_FREE char *name = memory_printf(JOBS "%s", error ? error : "?");
    const char *template = find_template(name);
    Buffer buffer = BUFFER_NULL;

    if (!template || !append_template(&buffer, template, result)) {
        buffer_consume(&buffer, buffer_size(&buffer));
        memory_require(buffer_printf(&buffer, "%s", message ? message : name) == 0);
    }
    return memory_text(&buffer);
}
