// SPDX-License-Identifier: LGPL-2.1-or-later
// Text that others wrote, made safe and measured for a terminal.
#pragma once

#include "base/buffer.h"

#include <stddef.h>

// Appends size bytes of text. Control characters that are not in keep, and those that reverse the direction of
// writing, become "\n", "\x1b" and the like; so do bytes that are not UTF-8. Every backslash of the result that stands
// for such a character could have been in the text: this is for people, not for parsers.
void text_escape(Buffer *buffer, const char *text, size_t size, const char *keep);

// The same as a new string, nothing kept.
char *text_escaped(const char *text);

// How many bytes at the end of the data are the beginning of a character whose rest is missing.
size_t text_incomplete(const char *text, size_t size);

// Columns that escaped text takes.
size_t text_width(const char *text);

// Length in bytes of the longest start of escaped text that takes at most width columns.
size_t text_fit(const char *text, size_t width);

// A new string: the words joined with spaces, quoted for a shell where they need it. Not escaped.
char *text_quoted(const char *const *words, size_t n);
