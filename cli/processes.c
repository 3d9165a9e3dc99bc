// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/processes.h"

#include "base/log.h"
#include "cli/format.h"
#include "cli/memory.h"
#include "cli/syscalls.h"
#include "cli/table.h"

static const Column columns[] = {
    { .title = "PID", .right = true },
    { .title = "PPID", .right = true, .spare = 4 },
    { .title = "UID", .right = true, .spare = 5 },
    { .title = "STATE" },
    { .title = "COMMAND", .cut = true },
    { .title = "WAIT CHANNEL", .cut = true, .spare = 1 },
    { .title = "SYSTEM CALL", .cut = true },
    { .title = "CPU", .right = true, .spare = 2 },
    { .title = "RSS", .right = true, .spare = 3 },
    { .title = "THREADS", .right = true, .spare = 6 },
};

static char *format_system_call(const json_t *process) {
    const json_t *number = json_object_get(process, "systemCall");
    const char *name = json_is_integer(number) ? syscall_name(json_integer_value(number)) : NULL;

    return name ? memory_printf("%s", name) : format_field(process, "systemCall", FIELD_NUMBER);
}

static void add_row(Table *table, const json_t *process) {
    table_add(table, format_field(process, "pid", FIELD_NUMBER), STYLE_PLAIN);
    table_add(table, format_field(process, "parentPid", FIELD_NUMBER), STYLE_PLAIN);
    table_add(table, format_field(process, "uid", FIELD_NUMBER), STYLE_PLAIN);
    table_add(table, format_field(process, "state", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, format_field(process, "command", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, format_field(process, "waitChannel", FIELD_TEXT), STYLE_PLAIN);
    table_add(table, format_system_call(process), STYLE_PLAIN);
    table_add(table, format_field(process, "cpuTime", FIELD_DURATION), STYLE_PLAIN);
    table_add(table, format_field(process, "residentSize", FIELD_SIZE), STYLE_PLAIN);
    table_add(table, format_field(process, "threads", FIELD_NUMBER), STYLE_PLAIN);
}

void processes_print(const json_t *processes) {
    if (json_array_size(processes) == 0)
        return;
    AUTO_TABLE Table *table = table_new(columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < json_array_size(processes); i++)
        add_row(table, json_array_get(processes, i));
    table_print(table, stdout, terminal_columns(), terminal_coloured());
}

void processes_complain_stuck(const json_t *processes) {
    for (size_t i = 0; i < json_array_size(processes); i++) {
        const json_t *process = json_array_get(processes, i), *channel = json_object_get(process, "waitChannel");
        const char *command = json_string_value(json_object_get(process, "command"));
        const char *state = json_string_value(json_object_get(process, "state"));
        log_error("process %" JSON_INTEGER_FORMAT " (%s) cannot be killed: state %s, waits in %s",
                  json_integer_value(json_object_get(process, "pid")), command ? command : "?", state ? state : "?",
                  json_is_string(channel) ? json_string_value(channel) : "an unknown place");
    }
}
