// SPDX-License-Identifier: LGPL-2.1-or-later
// From names to the types they mean, once all are known.
#include "ipc/idl-parser.h"

static int resolve_type(IdlParser *parser, IpcType *type) {
    int r = 0;

    if (type->kind == IPC_TYPE_NAMED) {
        type->target = ipc_named_type_find(parser->interface->types, parser->interface->n_types, type->name);
        return type->target ? 0 : idl_fail_at(parser, type->position, "this type is not known");
    }
    if (type->element)
        return resolve_type(parser, type->element);
    for (size_t i = 0; i < type->n_fields && r == 0 && type->kind == IPC_TYPE_STRUCT; i++)
        r = resolve_type(parser, type->fields[i].type);
    return r;
}

static int measure_type(IdlParser *parser, const IpcType *type, size_t depth, size_t *ret_height);

// A struct that holds itself has no finite value; nullable fields, arrays and maps can end it. Each named type is
// measured once, so that many references cost no more than one.
static int measure_named_type(IdlParser *parser, IpcNamedType *named, size_t position, size_t depth,
                              size_t *ret_height) {
    if (named->visit == IPC_VISIT_NOW)
        return idl_fail_at(parser, position, "this type contains itself");
    if (named->visit == IPC_VISIT_NOT_YET) {
        named->visit = IPC_VISIT_NOW;
        int r = measure_type(parser, named->type, depth, &named->height);
        if (r < 0)
            return r;
        named->visit = IPC_VISIT_DONE;
    }
    *ret_height = named->height;
    return depth + named->height > IPC_IDL_DEPTH_MAX ? idl_fail_at(parser, position, "nested too deeply") : 0;
}

static int measure_type(IdlParser *parser, const IpcType *type, size_t depth, size_t *ret_height) {
    size_t height = 0, field_height;

    if (depth > IPC_IDL_DEPTH_MAX)
        return idl_fail_at(parser, type->position, "nested too deeply");
    if (type->nullable || (type->kind != IPC_TYPE_NAMED && type->kind != IPC_TYPE_STRUCT)) {
        *ret_height = 0;
        return 0;
    }
    if (type->kind == IPC_TYPE_NAMED)
        return measure_named_type(parser, (IpcNamedType *)type->target, type->position, depth, ret_height);
    for (size_t i = 0; i < type->n_fields; i++) {
        int r = measure_type(parser, type->fields[i].type, depth + 1, &field_height);
        if (r < 0)
            return r;
        height = field_height > height ? field_height : height;
    }
    *ret_height = height + 1;
    return 0;
}

int idl_resolve(IdlParser *parser) {
    IpcInterface *interface = parser->interface;
    size_t height;
    int r = 0;

    for (size_t i = 0; i < interface->n_types && r >= 0; i++)
        r = resolve_type(parser, interface->types[i].type);
    for (size_t i = 0; i < interface->n_errors && r >= 0; i++)
        r = resolve_type(parser, interface->errors[i].type);
    for (size_t i = 0; i < interface->n_methods && r >= 0; i++) {
        r = resolve_type(parser, interface->methods[i].input);
        if (r >= 0)
            r = resolve_type(parser, interface->methods[i].output);
    }
    for (size_t i = 0; i < interface->n_types && r >= 0; i++)
        r = measure_named_type(parser, &interface->types[i], interface->types[i].type->position, 0, &height);
    return r;
}
