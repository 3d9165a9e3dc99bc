// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/message.h"

#include <errno.h>
#include <string.h>

// The key of an optional flag, or NULL when it is one.
static const char *read_flag(const json_t *message, const char *key, bool *ret) {
    const json_t *value = json_object_get(message, key);

    if (value && !json_is_null(value) && !json_is_boolean(value))
        return key;
    *ret = json_is_true(value);
    return NULL;
}

static const char *find_unknown(const json_t *message) {
    static const char *const known[] = { "method", "parameters", "more", "oneway", "upgrade" };
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)message, key, value) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i], key) != 0)
            i++;
        if (i == sizeof known / sizeof *known && !strchr(key, '.'))
            return key;
    }
    return NULL;
}

int ipc_request_read(const json_t *message, IpcRequest *ret, const char **ret_wrong) {
    const json_t *parameters = json_object_get(message, "parameters");
    const char *wrong, *first = NULL;

    *ret = (IpcRequest){ .method = json_string_value(json_object_get(message, "method")) };
    first = ret->method ? NULL : "method";
    if (json_is_object(parameters))
        ret->parameters = parameters;
    else if (parameters && !json_is_null(parameters))
        first = first ? first : "parameters";
    wrong = read_flag(message, "more", &ret->more);
    first = first ? first : wrong;
    wrong = read_flag(message, "oneway", &ret->oneway);
    first = first ? first : wrong;
    wrong = read_flag(message, "upgrade", &ret->upgrade);
    first = first ? first : wrong;
    // Many replies, or none at all?
    if (!first && ret->more && ret->oneway)
        first = "more";
    if (!first)
        first = find_unknown(message);
    if (!first)
        return 0;
    *ret_wrong = first;
    return -EINVAL;
}

static int print_text(Buffer *buffer, const char *text) {
    return buffer_append(buffer, text, strlen(text));
}

// "key":value, with what goes before it.
static int print_parameters(Buffer *buffer, const char *before, const json_t *parameters) {
    int r = print_text(buffer, before);

    if (r < 0)
        return r;
    return parameters ? ipc_json_print(parameters, buffer) : print_text(buffer, "{}");
}

static int print_name(Buffer *buffer, const char *before, const char *name) {
    AUTO_JSON json_t *value = json_string(name);
    int r = value ? print_text(buffer, before) : -ENOMEM;

    return r < 0 ? r : ipc_json_print(value, buffer);
}

// Ends a message, or takes back what there is of it after a failure.
static int end_message(Buffer *buffer, size_t before, const char *end, int r) {
    if (r >= 0)
        r = buffer_append(buffer, end, strlen(end) + 1);
    if (r < 0)
        buffer->end = buffer->begin + before;
    return r;
}

int ipc_message_print_call(Buffer *buffer, const char *method, const json_t *parameters, bool more, bool oneway) {
    size_t before = buffer_size(buffer);

    int r = print_name(buffer, "{\"method\":", method);
    if (r >= 0)
        r = print_parameters(buffer, ",\"parameters\":", parameters);
    if (r >= 0 && more)
        r = print_text(buffer, ",\"more\":true");
    return end_message(buffer, before, oneway ? ",\"oneway\":true}" : "}", r);
}

int ipc_message_print_reply(Buffer *buffer, const json_t *parameters, bool continues) {
    size_t before = buffer_size(buffer);

    int r = print_parameters(buffer, "{\"parameters\":", parameters);
    return end_message(buffer, before, continues ? ",\"continues\":true}" : "}", r);
}

int ipc_message_print_error(Buffer *buffer, const char *error, const json_t *parameters) {
    size_t before = buffer_size(buffer);

    int r = print_name(buffer, "{\"error\":", error);
    if (r >= 0)
        r = print_parameters(buffer, ",\"parameters\":", parameters);
    return end_message(buffer, before, "}", r);
}
