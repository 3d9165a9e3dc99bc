// SPDX-License-Identifier: LGPL-2.1-or-later
// The characters and words of interface definitions.
#include "ipc/idl-parser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int idl_fail_at(IdlParser *parser, size_t position, const char *what) {
    size_t line = 1, column = 1;

    for (size_t i = 0; i < position; i++) {
        column = parser->text[i] == '\n' ? 1 : column + 1;
        line += parser->text[i] == '\n';
    }
    if (parser->error_text && parser->error_size > 0)
        (void)snprintf(parser->error_text, parser->error_size, "line %zu, column %zu: %s", line, column, what);
    return -EBADMSG;
}

int idl_fail(IdlParser *parser, const char *what) {
    return idl_fail_at(parser, parser->position, what);
}

char idl_peek(const IdlParser *parser) {
    return parser->position < parser->size ? parser->text[parser->position] : '\0';
}

void idl_skip_blanks(IdlParser *parser) {
    for (; parser->position < parser->size; parser->position++) {
        char c = idl_peek(parser);
        if (c == '#')
            while (parser->position + 1 < parser->size && parser->text[parser->position + 1] != '\n')
                parser->position++;
        else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return;
    }
}

bool idl_take(IdlParser *parser, const char *token) {
    size_t length = strlen(token);

    idl_skip_blanks(parser);
    if (parser->size - parser->position < length || memcmp(parser->text + parser->position, token, length) != 0)
        return false;
    parser->position += length;
    return true;
}

int idl_expect(IdlParser *parser, const char *token, const char *what) {
    return idl_take(parser, token) ? 0 : idl_fail(parser, what);
}

// Not isalpha(): names do not depend on the locale.
static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_alphanumeric(char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
}

bool idl_take_keyword(IdlParser *parser, const char *keyword) {
    idl_skip_blanks(parser);
    size_t before = parser->position;
    if (idl_take(parser, keyword) && (idl_peek(parser) == '#' || strchr(" \t\r\n", idl_peek(parser)) != NULL) &&
        idl_peek(parser) != '\0')
        return true;
    parser->position = before;
    return false;
}

// ---- names ----

size_t idl_measure_word(const IdlParser *parser, char separator, bool repeats) {
    const char *text = parser->text + parser->position;
    size_t size = parser->size - parser->position, length = 0;

    while (length < size && is_alphanumeric(text[length])) {
        while (length < size && is_alphanumeric(text[length]))
            length++;
        size_t next = length;
        while (next < size && text[next] == separator && (repeats || next == length))
            next++;
        if (next == length || next == size || !is_alphanumeric(text[next]))
            break;
        length = next;
    }
    return length;
}

static int take_text(IdlParser *parser, size_t length, char **ret) {
    char *name = strndup(parser->text + parser->position, length);

    if (!name)
        return -ENOMEM;
    parser->position += length;
    *ret = name;
    return 0;
}

// [A-Za-z](_?[A-Za-z0-9])*
int idl_take_field_name(IdlParser *parser, char **ret) {
    idl_skip_blanks(parser);
    if (!is_letter(idl_peek(parser)))
        return idl_fail(parser, "a field name is expected");
    return take_text(parser, idl_measure_word(parser, '_', false), ret);
}

// [A-Z][A-Za-z0-9]*
int idl_take_type_name(IdlParser *parser, char **ret) {
    size_t length = 0;

    idl_skip_blanks(parser);
    if (idl_peek(parser) < 'A' || idl_peek(parser) > 'Z')
        return idl_fail(parser, "a name with a capital first is expected");
    while (parser->position + length < parser->size && is_alphanumeric(parser->text[parser->position + length]))
        length++;
    return take_text(parser, length, ret);
}

// [A-Za-z](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)+
int idl_take_interface_name(IdlParser *parser, char **ret) {
    size_t start, parts = 0;

    idl_skip_blanks(parser);
    start = parser->position;
    if (!is_letter(idl_peek(parser)))
        return idl_fail(parser, "an interface name is expected");
    for (;;) {
        size_t length = idl_measure_word(parser, '-', true);
        if (length == 0)
            return idl_fail(parser, "a part of the interface name is expected");
        parser->position += length;
        parts++;
        if (idl_peek(parser) != '.')
            break;
        parser->position++;
    }
    if (parts < 2)
        return idl_fail_at(parser, start, "an interface name has at least two parts");
    size_t length = parser->position - start;
    parser->position = start;
    return take_text(parser, length, ret);
}
