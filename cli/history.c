// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/history.h"

#include "cli/format.h"
#include "cli/memory.h"
#include "cli/reference.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/wrap.h"

#include <stdio.h>
#include <string.h>

#define CHANGE_WIDTH 24 // "canceling -> canceled" and a little more
#define INDENT 4

// "queued -> running"; a status alone when the entry changes none or makes the job or task.
static char *format_change(const json_t *entry) {
    AUTO_FREE char *from = format_field(entry, "from", FIELD_TEXT), *to = format_field(entry, "to", FIELD_TEXT);

    if (!to)
        return memory_printf("-");
    return from && strcmp(from, to) != 0 ? memory_printf("%s -> %s", from, to) : memory_printf("%s", to);
}

static char *format_subject(const json_t *entry) {
    Reference reference = { json_integer_value(json_object_get(entry, "job")),
                            json_integer_value(json_object_get(entry, "task")) };
    char text[REFERENCE_TEXT_MAX];

    return memory_printf("%s", reference_format(text, reference));
}

void history_print_line(const json_t *entry) {
    AUTO_FREE char *time = format_field(entry, "time", FIELD_TIME), *subject = format_subject(entry);
    AUTO_FREE char *change = format_change(entry), *cause = format_field(entry, "cause", FIELD_TEXT);
    AUTO_FREE char *actor = format_field(entry, "actor", FIELD_TEXT);
    AUTO_FREE char *message = format_field(entry, "message", FIELD_TEXT);
    Style style = status_style(json_string_value(json_object_get(entry, "to")));
    const char *begin = terminal_coloured() ? style_begin(style) : "";

    AUTO_FREE char *rest = memory_printf("%s by %s%s%s", cause ? cause : "-", actor ? actor : "-",
                                         message && message[0] ? ": " : "", message ? message : "");
    int column = printf("%s  %-8s  ", time ? time : "-", subject);

    printf("%s%-*s%s  ", begin, CHANGE_WIDTH, change, begin[0] ? style_end() : "");
    wrap_print(stdout, rest, (size_t)column + CHANGE_WIDTH + 2, INDENT, terminal_columns());
    putchar('\n');
}
