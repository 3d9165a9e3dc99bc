// SPDX-License-Identifier: LGPL-2.1-or-later
// The parser of interface definitions as its parts see it. Private to ipc/idl*.c. Functions that return int return 0 or
// a negative errno; the first mistake writes its text and ends it all.
#pragma once

#include "ipc/idl-type.h"

typedef struct IdlParser {
    const char *text;
    size_t size, position;
    IpcInterface *interface;
    char *error_text;
    size_t error_size;
} IdlParser;

// Writes where and what; -EBADMSG.
int idl_fail_at(IdlParser *parser, size_t position, const char *what);
int idl_fail(IdlParser *parser, const char *what);

// The next character; NUL at the end, and a NUL within the text fits nowhere either.
char idl_peek(const IdlParser *parser);
// Blanks and comments.
void idl_skip_blanks(IdlParser *parser);
// Skips blanks and then the token, if it is there; a keyword ends with a blank or a comment.
bool idl_take(IdlParser *parser, const char *token);
bool idl_take_keyword(IdlParser *parser, const char *keyword);
int idl_expect(IdlParser *parser, const char *token, const char *what);

// The length of the longest word at the position: alphanumeric parts joined by single separators, or by many when they
// may repeat.
size_t idl_measure_word(const IdlParser *parser, char separator, bool repeats);

int idl_take_field_name(IdlParser *parser, char **ret);
int idl_take_type_name(IdlParser *parser, char **ret);
int idl_take_interface_name(IdlParser *parser, char **ret);

// idl-resolve.c: gives every name its type, and refuses types without end.
int idl_resolve(IdlParser *parser);
