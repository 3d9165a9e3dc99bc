// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/idl.h"

#include "ipc/idl-type.h"

#include <string.h>

// Recursion is bounded: the parser makes nothing deeper than IPC_IDL_DEPTH_MAX, and targets are not followed.
IpcType *ipc_type_free(IpcType *type) {
    if (!type)
        return NULL;
    for (size_t i = 0; i < type->n_fields; i++) {
        free(type->fields[i].name);
        ipc_type_free(type->fields[i].type);
    }
    free(type->fields);
    ipc_type_free(type->element);
    free(type->name);
    free(type);
    return NULL;
}

static void free_named_types(IpcNamedType *types, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(types[i].name);
        ipc_type_free(types[i].type);
    }
    free(types);
}

IpcInterface *ipc_interface_free(IpcInterface *interface) {
    if (!interface)
        return NULL;
    free_named_types(interface->types, interface->n_types);
    free_named_types(interface->errors, interface->n_errors);
    for (size_t i = 0; i < interface->n_methods; i++) {
        free(interface->methods[i].name);
        ipc_type_free(interface->methods[i].input);
        ipc_type_free(interface->methods[i].output);
    }
    free(interface->methods);
    free(interface->name);
    free(interface->text);
    free(interface);
    return NULL;
}

const char *ipc_interface_name(const IpcInterface *interface) {
    return interface->name;
}

const char *ipc_interface_text(const IpcInterface *interface) {
    return interface->text;
}

const IpcMethodType *ipc_interface_method(const IpcInterface *interface, const char *name) {
    for (size_t i = 0; i < interface->n_methods; i++)
        if (strcmp(interface->methods[i].name, name) == 0)
            return &interface->methods[i];
    return NULL;
}

const IpcMethodType *ipc_interface_method_at(const IpcInterface *interface, size_t index) {
    return index < interface->n_methods ? &interface->methods[index] : NULL;
}

const char *ipc_method_name(const IpcMethodType *method) {
    return method->name;
}

IpcNamedType *ipc_named_type_find(IpcNamedType *types, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}
