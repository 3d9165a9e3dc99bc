// SPDX-License-Identifier: LGPL-2.1-or-later
// Values against types. The path to where a check stands is a chain of stack frames, printed only on a mistake.
#include "ipc/idl-type.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// One step of a path: a field, or an element when the name is NULL.
typedef struct Path {
    const struct Path *parent;
    const char *name;
    size_t index;
} Path;

static int check_value(const IpcType *type, const json_t *value, const Path *path, char *ret_field);

static size_t print_path(const Path *path, char *text, size_t used) {
    if (!path)
        return used;
    used = print_path(path->parent, text, used);
    if (used >= IPC_FIELD_MAX)
        return used;
    int length = path->name ? snprintf(text + used, IPC_FIELD_MAX - used, "%s%s", used > 0 ? "." : "", path->name)
                            : snprintf(text + used, IPC_FIELD_MAX - used, "[%zu]", path->index);
    return length < 0 ? used : used + (size_t)length;
}

// Names come from the client: one that was cut within a character would make text that is not UTF-8.
static void trim_cut_character(char *text) {
    size_t at = 0, size = strlen(text);
    uint32_t character;

    while (at < size) {
        ssize_t length = utf8_decode(text + at, size - at, &character);
        if (length < 0)
            break;
        at += (size_t)length;
    }
    text[at] = '\0';
}

static int refuse(const Path *path, char *ret_field) {
    ret_field[0] = '\0';
    if (print_path(path, ret_field, 0) >= IPC_FIELD_MAX)
        trim_cut_character(ret_field);
    return -EINVAL;
}

static int refuse_unknown(const IpcType *type, const json_t *value, const Path *path, char *ret_field) {
    const char *key;
    json_t *member;

    json_object_foreach ((json_t *)value, key, member) {
        bool known = false;
        for (size_t i = 0; i < type->n_fields && !known; i++)
            known = strcmp(type->fields[i].name, key) == 0;
        if (!known)
            return refuse(&(Path){ path, key, 0 }, ret_field);
    }
    return 0;
}

static int check_struct(const IpcType *type, const json_t *value, const Path *path, char *ret_field) {
    size_t present = 0;

    for (size_t i = 0; i < type->n_fields; i++) {
        const IpcField *field = &type->fields[i];
        const json_t *member = json_object_getn(value, field->name, field->length);
        int r = check_value(field->type, member, &(Path){ path, field->name, 0 }, ret_field);
        if (r < 0)
            return r;
        present += member != NULL;
    }
    return present == json_object_size(value) ? 0 : refuse_unknown(type, value, path, ret_field);
}

static int check_enum(const IpcType *type, const json_t *value, const Path *path, char *ret_field) {
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i].length == length && memcmp(type->fields[i].name, text, length) == 0)
            return 0;
    return refuse(path, ret_field);
}

static int check_array(const IpcType *type, const json_t *value, const Path *path, char *ret_field) {
    int r = 0;

    for (size_t i = 0; i < json_array_size(value) && r == 0; i++)
        r = check_value(type->element, json_array_get(value, i), &(Path){ path, NULL, i }, ret_field);
    return r;
}

static int check_map(const IpcType *type, const json_t *value, const Path *path, char *ret_field) {
    const char *key;
    json_t *member;

    json_object_foreach ((json_t *)value, key, member) {
        int r = check_value(type->element, member, &(Path){ path, key, 0 }, ret_field);
        if (r < 0)
            return r;
    }
    return 0;
}

// The JSON type asked for; what is inside is not looked at.
static bool has_kind(IpcTypeKind kind, const json_t *value) {
    switch (kind) {
    case IPC_TYPE_BOOL:
        return json_is_boolean(value);
    case IPC_TYPE_INT:
        return json_is_integer(value);
    case IPC_TYPE_FLOAT:
        return json_is_number(value);
    case IPC_TYPE_STRING:
    case IPC_TYPE_ENUM:
        return json_is_string(value);
    case IPC_TYPE_OBJECT:
    case IPC_TYPE_STRUCT:
    case IPC_TYPE_MAP:
        return json_is_object(value);
    case IPC_TYPE_ARRAY:
        return json_is_array(value);
    case IPC_TYPE_NAMED:
        break;
    }
    return false;
}

// Recursion is bounded by the depth of the value. An absent value is NULL here.
static int check_value(const IpcType *type, const json_t *value, const Path *path, char *ret_field) {
    if (!value || json_is_null(value))
        return type->nullable ? 0 : refuse(path, ret_field);
    if (type->kind == IPC_TYPE_NAMED)
        type = type->target->type;
    if (!has_kind(type->kind, value))
        return refuse(path, ret_field);
    if (type->kind == IPC_TYPE_STRUCT)
        return check_struct(type, value, path, ret_field);
    if (type->kind == IPC_TYPE_ENUM)
        return check_enum(type, value, path, ret_field);
    if (type->kind == IPC_TYPE_ARRAY)
        return check_array(type, value, path, ret_field);
    if (type->kind == IPC_TYPE_MAP)
        return check_map(type, value, path, ret_field);
    return 0;
}

// Parameters that are not there are the same as an empty object.
static int check_parameters(const IpcType *type, const json_t *parameters, char *ret_field) {
    if (!parameters || json_is_null(parameters)) {
        AUTO_JSON json_t *empty = json_object();
        return empty ? check_struct(type, empty, NULL, ret_field) : -ENOMEM;
    }
    return json_is_object(parameters) ? check_struct(type, parameters, NULL, ret_field) : refuse(NULL, ret_field);
}

int ipc_check_call(const IpcMethodType *method, const json_t *parameters, char ret_field[static IPC_FIELD_MAX]) {
    return check_parameters(method->input, parameters, ret_field);
}

int ipc_check_reply(const IpcMethodType *method, const json_t *parameters, char ret_field[static IPC_FIELD_MAX]) {
    return check_parameters(method->output, parameters, ret_field);
}

int ipc_check_error(const IpcInterface *interface, const char *name, const json_t *parameters,
                    char ret_field[static IPC_FIELD_MAX]) {
    const IpcNamedType *error = ipc_named_type_find(interface->errors, interface->n_errors, name);

    return error ? check_parameters(error->type, parameters, ret_field) : refuse(NULL, ret_field);
}

int ipc_check_type(const IpcInterface *interface, const char *type, const json_t *value,
                   char ret_field[static IPC_FIELD_MAX]) {
    const IpcNamedType *named = ipc_named_type_find(interface->types, interface->n_types, type);

    return named ? check_value(named->type, value, NULL, ret_field) : refuse(NULL, ret_field);
}
