// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/format.h"

#include "base/parse.h"
#include "cli/memory.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/wrap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GAP 2 // blanks between the name of a field and its value

char *format_time(uint64_t usec) {
    time_t seconds = (time_t)(usec / USEC_PER_SEC);
    struct tm local;
    char text[64];

    if (!localtime_r(&seconds, &local) || strftime(text, sizeof text, "%F %T", &local) == 0)
        return memory_printf("%" PRIu64, usec);
    return memory_printf("%s", text);
}

char *format_size(uint64_t bytes) {
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024)
        return memory_printf("%" PRIu64 " B", bytes);
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    return memory_printf("%.1f %s", value, units[unit]);
}

char *format_signal(int64_t number) {
    const char *name = number > 0 && number < 1024 ? sigabbrev_np((int)number) : NULL;

    return name ? memory_printf("%" PRId64 " (%s)", number, name) : memory_printf("%" PRId64, number);
}

static char *format_duration_text(uint64_t usec) {
    char text[FORMAT_DURATION_MAX];

    return memory_printf("%s", format_duration(text, usec));
}

// An array of strings; NULL when it is none.
static char *format_words(const json_t *array, FieldKind kind) {
    size_t n = json_array_size(array);
    const char **words = memory_new(n, sizeof *words);
    bool strings = json_is_array(array);
    char *text = NULL;

    for (size_t i = 0; i < n && strings; i++) {
        words[i] = json_string_value(json_array_get(array, i));
        strings = words[i] != NULL;
    }
    if (strings) {
        AUTO_FREE char *quoted = text_quoted(words, n);
        text = n == 0 && kind == FIELD_LIST ? memory_printf("none") : text_escaped(quoted);
    }
    free(words);
    return text;
}

static char *format_counts(const json_t *value) {
    StatusCounts counts = status_counts_read(value);
    const char *separator = ": ";
    Buffer buffer = BUFFER_NULL;

    memory_require(buffer_printf(&buffer, "%" PRId64, status_counts_total(&counts)) == 0);
    for (Status status = 0; status <= _STATUS_LAST; status++) {
        if (counts.of[status] == 0)
            continue;
        memory_require(buffer_printf(&buffer, "%s%" PRId64 " %s", separator, counts.of[status], status_name(status)) ==
                       0);
        separator = ", ";
    }
    return memory_text(&buffer);
}

static char *format_integer(int64_t value, FieldKind kind) {
    if (value < 0 && kind != FIELD_NUMBER)
        return NULL;
    if (kind == FIELD_TIME)
        return format_time((uint64_t)value);
    if (kind == FIELD_DURATION)
        return format_duration_text((uint64_t)value);
    if (kind == FIELD_SIZE)
        return format_size((uint64_t)value);
    if (kind == FIELD_SIGNAL)
        return format_signal(value);
    return memory_printf("%" PRId64, value);
}

char *format_field(const json_t *object, const char *name, FieldKind kind) {
    const json_t *value = json_object_get(object, name);

    switch (kind) {
    case FIELD_TEXT:
        return json_is_string(value) ? text_escaped(json_string_value(value)) : NULL;
    case FIELD_BOOL:
        return json_is_boolean(value) ? memory_printf(json_is_true(value) ? "yes" : "no") : NULL;
    case FIELD_COMMAND:
    case FIELD_LIST:
        return format_words(value, kind);
    case FIELD_COUNTS:
        return json_is_object(value) ? format_counts(value) : NULL;
    case FIELD_NUMBER:
    case FIELD_TIME:
    case FIELD_DURATION:
    case FIELD_SIZE:
    case FIELD_SIGNAL:
        return json_is_integer(value) ? format_integer(json_integer_value(value), kind) : NULL;
    }
    return NULL;
}

char *format_end(const json_t *object) {
    const json_t *signal = json_object_get(object, "signal"), *exit_code = json_object_get(object, "exitCode");

    if (json_is_integer(signal)) {
        AUTO_FREE char *text = format_signal(json_integer_value(signal));
        return memory_printf("signal %s", text);
    }
    return json_is_integer(exit_code) ? memory_printf("exit %" JSON_INTEGER_FORMAT, json_integer_value(exit_code))
                                      : NULL;
}

char *format_elapsed(const json_t *object, const char *from, const char *to, uint64_t now) {
    const json_t *begin = json_object_get(object, from), *end = json_object_get(object, to);

    if (!json_is_integer(begin))
        return NULL;
    uint64_t until = json_is_integer(end) ? (uint64_t)json_integer_value(end) : now;
    uint64_t since = (uint64_t)json_integer_value(begin);
    // The clocks of the agent and ours are one, but it can be set back.
    return format_duration_text(until > since ? until - since : 0);
}

static void print_field(const char *name, const char *value, size_t width) {
    Style style = strcmp(name, "status") == 0 ? status_style(value) : STYLE_PLAIN;
    bool coloured = terminal_coloured();
    const char *begin = coloured ? style_begin(style) : "";

    printf("%s%s%s%*s%s", coloured ? style_begin(STYLE_FAINT) : "", name, coloured ? style_end() : "",
           (int)(width - strlen(name) + GAP), "", begin);
    wrap_print(stdout, value, width + GAP, width + GAP, terminal_columns());
    printf("%s\n", begin[0] ? style_end() : "");
}

void format_fields(const json_t *object, const Field *fields, size_t n_fields) {
    char **values = memory_new(n_fields, sizeof *values);
    size_t width = 0;

    for (size_t i = 0; i < n_fields; i++) {
        values[i] = format_field(object, fields[i].name, fields[i].kind);
        if (values[i] && strlen(fields[i].name) > width)
            width = strlen(fields[i].name);
    }
    for (size_t i = 0; i < n_fields; i++) {
        if (values[i])
            print_field(fields[i].name, values[i], width);
        free(values[i]);
    }
    free(values);
}
