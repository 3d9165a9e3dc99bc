// SPDX-License-Identifier: LGPL-2.1-or-later
// What the parser of interfaces makes and the checker reads. Private to ipc/idl*.c.
#pragma once

#include "ipc/idl.h"

#include <stdbool.h>
#include <stdint.h>

#define IPC_IDL_DEPTH_MAX 32
#define IPC_IDL_COUNT_MAX 1024 // members of an interface, fields of a type

typedef enum IpcTypeKind {
    IPC_TYPE_BOOL,
    IPC_TYPE_INT,
    IPC_TYPE_FLOAT,
    IPC_TYPE_STRING,
    IPC_TYPE_OBJECT,
    IPC_TYPE_ENUM,
    IPC_TYPE_STRUCT,
    IPC_TYPE_ARRAY,
    IPC_TYPE_MAP,
    IPC_TYPE_NAMED,
} IpcTypeKind;

typedef struct IpcType IpcType;
typedef struct IpcNamedType IpcNamedType;

// A field of a struct, or a member of an enum (no type).
typedef struct IpcField {
    char *name;
    size_t length;
    IpcType *type;
} IpcField;

struct IpcType {
    IpcTypeKind kind;
    bool nullable;
    IpcField *fields; // struct, enum
    size_t n_fields;
    IpcType *element;           // array, map
    char *name;                 // named
    const IpcNamedType *target; // named: what the name means, once all types are known
    size_t position;            // in the text
};

typedef enum IpcVisit {
    IPC_VISIT_NOT_YET,
    IPC_VISIT_NOW,
    IPC_VISIT_DONE
} IpcVisit;

// A type or error of the interface.
struct IpcNamedType {
    char *name;
    IpcType *type;
    size_t height; // levels of structs within structs, known when visited
    IpcVisit visit;
};

struct IpcMethodType {
    char *name;
    IpcType *input, *output;
};

struct IpcInterface {
    char *text;
    char *name;
    IpcNamedType *types, *errors;
    IpcMethodType *methods;
    size_t n_types, n_errors, n_methods;
};

IpcType *ipc_type_free(IpcType *type);
DEFINE_CLEANUP(IpcType, ipc_type_free)
#define AUTO_IPC_TYPE CLEANUP(cleanup_ipc_type_free)

// The first of n with this name, or NULL.
IpcNamedType *ipc_named_type_find(IpcNamedType *types, size_t n, const char *name);
