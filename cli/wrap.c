// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/wrap.h"

#include "cli/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NARROWEST 16 // lines are not made shorter than this for the sake of the indent

// How many bytes of text go into a line of room columns: up to the last space, if there is one.
static size_t line_length(const char *text, size_t room) {
    size_t length = text_fit(text, room);

    if (text[length] == '\0' || text[length] == ' ')
        return length;
    for (size_t at = length; at > 0; at--)
        if (text[at - 1] == ' ')
            return at - 1;
    return length;
}

void wrap_print(FILE *stream, const char *text, size_t column, size_t indent, size_t columns) {
    bool first = true;

    if (indent + NARROWEST > columns)
        indent = 0;
    while (*text) {
        size_t room = first ? (columns > column ? columns - column : 0) : columns - indent;
        size_t length = columns == SIZE_MAX ? strlen(text) : line_length(text, room);
        // A word that does not fit here may fit into a line of its own; a character that fits nowhere is printed.
        bool splits = length > 0 && text[length] != '\0' && text[length] != ' ';
        if (first && splits && column > indent)
            length = 0;
        if (!first && length == 0)
            length = text_fit(text, 2);
        fprintf(stream, "%.*s", (int)length, text);
        text += length;
        text += length > 0 || !first ? strspn(text, " ") : 0;
        if (*text)
            fprintf(stream, "\n%*s", (int)indent, "");
        first = false;
    }
}
