// SPDX-License-Identifier: LGPL-2.1-or-later
// Recursive descent over the text of an interface. Every function returns 0 or a negative errno; the first mistake
// writes its text and ends it all.
#include "ipc/idl-parser.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse_type(IdlParser *parser, size_t depth, IpcType **ret);

// ---- types ----

// Makes room for one more of n things. The array grows when n is a power of two.
static int grow(void *array, size_t n, size_t size) {
    void *grown, **place = array;

    if (n > 0 && (n & (n - 1)) != 0)
        return 0;
    grown = reallocarray(*place, n == 0 ? 1 : 2 * n, size);
    if (!grown)
        return -ENOMEM;
    *place = grown;
    return 0;
}

// name, or name: type. The first field decides whether it is a struct or an enum.
static int parse_field(IdlParser *parser, size_t depth, IpcType *type) {
    AUTO_FREE char *name = NULL;
    IpcType *field_type = NULL;
    size_t position;

    idl_skip_blanks(parser);
    position = parser->position;
    int r = idl_take_field_name(parser, &name);
    if (r < 0)
        return r;
    for (size_t i = 0; i < type->n_fields; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return idl_fail_at(parser, position, "this name is used twice");
    idl_skip_blanks(parser);
    bool typed = idl_peek(parser) == ':';
    if (type->n_fields == 0)
        type->kind = typed ? IPC_TYPE_STRUCT : IPC_TYPE_ENUM;
    else if (typed != (type->kind == IPC_TYPE_STRUCT))
        return idl_fail(parser, typed ? "a member of an enum has no type" : "a field has a type");
    if (type->n_fields == IPC_IDL_COUNT_MAX)
        return idl_fail_at(parser, position, "too many fields");
    r = grow(&type->fields, type->n_fields, sizeof *type->fields);
    if (r < 0)
        return r;
    if (typed) {
        parser->position++;
        r = parse_type(parser, depth + 1, &field_type);
        if (r < 0)
            return r;
    }
    type->fields[type->n_fields++] = (IpcField){ .length = strlen(name), .name = name, .type = field_type };
    TAKE_PTR(name);
    return 0;
}

// What follows an opening parenthesis. () is a struct without fields.
static int parse_fields(IdlParser *parser, size_t depth, IpcType *type) {
    type->kind = IPC_TYPE_STRUCT;
    if (idl_take(parser, ")"))
        return 0;
    do {
        int r = parse_field(parser, depth, type);
        if (r < 0)
            return r;
    } while (idl_take(parser, ","));
    return idl_expect(parser, ")", "a comma or a closing parenthesis is expected");
}

// The kind of a builtin type; -EINVAL for other words.
static int find_builtin(const char *word, size_t length, IpcTypeKind *ret) {
    static const char *const builtins[] = {
        [IPC_TYPE_BOOL] = "bool",     [IPC_TYPE_INT] = "int",       [IPC_TYPE_FLOAT] = "float",
        [IPC_TYPE_STRING] = "string", [IPC_TYPE_OBJECT] = "object",
    };

    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (strlen(builtins[i]) == length && memcmp(builtins[i], word, length) == 0) {
            *ret = (IpcTypeKind)i;
            return 0;
        }
    return -EINVAL;
}

// A builtin type, or the name of one of the interface.
static int parse_word_type(IdlParser *parser, IpcType *type) {
    size_t length = idl_measure_word(parser, '_', false);

    if (find_builtin(parser->text + parser->position, length, &type->kind) >= 0) {
        parser->position += length;
        return 0;
    }
    if (idl_peek(parser) < 'A' || idl_peek(parser) > 'Z')
        return idl_fail(parser, "a type is expected");
    type->kind = IPC_TYPE_NAMED;
    return idl_take_type_name(parser, &type->name);
}

static int parse_type(IdlParser *parser, size_t depth, IpcType **ret) {
    if (depth > IPC_IDL_DEPTH_MAX)
        return idl_fail(parser, "nested too deeply");
    AUTO_IPC_TYPE IpcType *type = calloc(1, sizeof *type);
    if (!type)
        return -ENOMEM;
    type->nullable = idl_take(parser, "?");
    idl_skip_blanks(parser);
    type->position = parser->position;
    if (idl_take(parser, "[]"))
        type->kind = IPC_TYPE_ARRAY;
    else if (idl_take(parser, "[string]"))
        type->kind = IPC_TYPE_MAP;
    int r;
    if (type->kind == IPC_TYPE_ARRAY || type->kind == IPC_TYPE_MAP)
        r = parse_type(parser, depth + 1, &type->element);
    else if (idl_take(parser, "("))
        r = parse_fields(parser, depth, type);
    else
        r = parse_word_type(parser, type);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(type);
    return 0;
}

// ---- members ----

// A struct, and nothing else.
static int parse_struct(IdlParser *parser, IpcType **ret) {
    AUTO_IPC_TYPE IpcType *type = NULL;
    size_t position;

    idl_skip_blanks(parser);
    position = parser->position;
    if (idl_peek(parser) != '(')
        return idl_fail(parser, "an opening parenthesis is expected");
    int r = parse_type(parser, 1, &type);
    if (r < 0)
        return r;
    if (type->kind != IPC_TYPE_STRUCT)
        return idl_fail_at(parser, position, "a struct is expected");
    *ret = TAKE_PTR(type);
    return 0;
}

static int parse_typedef(IdlParser *parser, char **name) {
    IpcInterface *interface = parser->interface;
    IpcType *type;

    int r = grow(&interface->types, interface->n_types, sizeof *interface->types);
    if (r < 0)
        return r;
    idl_skip_blanks(parser);
    if (idl_peek(parser) != '(')
        return idl_fail(parser, "an opening parenthesis is expected");
    r = parse_type(parser, 1, &type);
    if (r < 0)
        return r;
    interface->types[interface->n_types++] = (IpcNamedType){ .name = TAKE_PTR(*name), .type = type };
    return 0;
}

static int parse_error(IdlParser *parser, char **name) {
    IpcInterface *interface = parser->interface;
    IpcType *type;

    int r = grow(&interface->errors, interface->n_errors, sizeof *interface->errors);
    if (r >= 0)
        r = parse_struct(parser, &type);
    if (r < 0)
        return r;
    interface->errors[interface->n_errors++] = (IpcNamedType){ .name = TAKE_PTR(*name), .type = type };
    return 0;
}

static int parse_method(IdlParser *parser, char **name) {
    IpcInterface *interface = parser->interface;
    AUTO_IPC_TYPE IpcType *input = NULL;
    IpcType *output;

    int r = grow(&interface->methods, interface->n_methods, sizeof *interface->methods);
    if (r >= 0)
        r = parse_struct(parser, &input);
    if (r >= 0)
        r = idl_expect(parser, "->", "an arrow is expected");
    if (r >= 0)
        r = parse_struct(parser, &output);
    if (r < 0)
        return r;
    interface->methods[interface->n_methods++] =
        (IpcMethodType){ .name = TAKE_PTR(*name), .input = TAKE_PTR(input), .output = output };
    return 0;
}

static bool is_used(const IpcInterface *interface, const char *name) {
    return ipc_named_type_find(interface->types, interface->n_types, name) ||
           ipc_named_type_find(interface->errors, interface->n_errors, name) || ipc_interface_method(interface, name);
}

static int parse_member(IdlParser *parser) {
    static const struct {
        const char *keyword;
        int (*parse)(IdlParser *parser, char **name);
    } kinds[] = { { "type", parse_typedef }, { "method", parse_method }, { "error", parse_error } };
    const IpcInterface *interface = parser->interface;
    AUTO_FREE char *name = NULL;
    size_t kind = 0, position;

    while (kind < sizeof kinds / sizeof *kinds && !idl_take_keyword(parser, kinds[kind].keyword))
        kind++;
    idl_skip_blanks(parser);
    if (kind == sizeof kinds / sizeof *kinds)
        return idl_fail(parser, "type, method or error is expected");
    position = parser->position;
    int r = idl_take_type_name(parser, &name);
    if (r < 0)
        return r;
    if (is_used(interface, name))
        return idl_fail_at(parser, position, "this name is used twice");
    if (interface->n_types + interface->n_methods + interface->n_errors == IPC_IDL_COUNT_MAX)
        return idl_fail_at(parser, position, "too many members");
    return kinds[kind].parse(parser, &name);
}

// ---- the whole ----

// The text is told to clients as a JSON string, which has to be UTF-8 without NUL.
static int check_text(IdlParser *parser) {
    uint32_t character;

    for (size_t at = 0; at < parser->size;) {
        ssize_t length = utf8_decode(parser->text + at, parser->size - at, &character);
        if (length < 0 || character == 0)
            return idl_fail_at(parser, at, "not UTF-8 text");
        at += (size_t)length;
    }
    return 0;
}

static int parse_all(IdlParser *parser) {
    int r = check_text(parser);

    if (r >= 0 && !idl_take_keyword(parser, "interface"))
        r = idl_fail(parser, "interface is expected");
    if (r >= 0)
        r = idl_take_interface_name(parser, &parser->interface->name);
    while (r >= 0) {
        idl_skip_blanks(parser);
        if (parser->position == parser->size)
            return idl_resolve(parser);
        r = parse_member(parser);
    }
    return r;
}

int ipc_interface_parse(const char *text, size_t size, IpcInterface **ret, char *reterr_text, size_t text_size) {
    IpcInterface *interface CLEANUP(cleanup_ipc_interface_free) = calloc(1, sizeof *interface);
    if (!interface)
        return -ENOMEM;
    IdlParser parser = {
        .text = text, .size = size, .interface = interface, .error_text = reterr_text, .error_size = text_size
    };
    int r = parse_all(&parser);
    if (r < 0)
        return r;
    interface->text = strndup(text, size);
    if (!interface->text)
        return -ENOMEM;
    *ret = TAKE_PTR(interface);
    return 0;
}
