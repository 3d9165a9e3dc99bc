// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/connection.h"
#include "cli/format.h"
#include "cli/memory.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

static const Column columns[] = {
    { .title = "NAME" },
    { .title = "VALUE" },
    { .title = "DEFAULT", .spare = 1 },
    { .title = "DESCRIPTION", .cut = true },
};

static void print_table(const json_t *parameters) {
    AUTO_TABLE Table *table = table_new(columns, sizeof columns / sizeof *columns);

    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = json_array_get(parameters, i);
        table_add(table, format_field(parameter, "name", FIELD_TEXT), STYLE_PLAIN);
        table_add(table, format_field(parameter, "value", FIELD_TEXT), STYLE_PLAIN);
        table_add(table, format_field(parameter, "default", FIELD_TEXT), STYLE_FAINT);
        table_add(table, format_field(parameter, "description", FIELD_TEXT), STYLE_PLAIN);
    }
    table_print(table, stdout, terminal_columns(), terminal_coloured());
}

// In the form in which it can be set.
static void print_lines(const json_t *parameters) {
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = json_array_get(parameters, i);
        AUTO_FREE char *name = format_field(parameter, "name", FIELD_TEXT);
        AUTO_FREE char *value = format_field(parameter, "value", FIELD_TEXT);
        printf("%s=%s\n", name ? name : "-", value ? value : "");
    }
}

// name: NULL for all.
static int show(const Arguments *arguments, const char *name) {
    AUTO_JSON json_t *reply = NULL;
    json_t *wanted = name ? json_pack("{s:[s]}", "names", name) : json_object();

    if (!wanted)
        return arguments_complain(arguments, "'%s' is not UTF-8", name);
    int r = connection_call(arguments, "GetParameters", wanted, &reply);
    if (r < 0)
        return r;
    if (arguments_has(arguments, OPTION_JSON))
        output_json(reply);
    else if (name)
        print_lines(json_object_get(reply, "parameters"));
    else
        print_table(json_object_get(reply, "parameters"));
    return 0;
}

static int set(const Arguments *arguments, const char *assignment) {
    size_t length = strcspn(assignment, "=");
    AUTO_FREE char *name = memory_printf("%.*s", (int)length, assignment);
    AUTO_JSON json_t *reply = NULL;
    json_t *wanted = json_pack("{s:s, s:s}", "name", name, "value", assignment + length + 1);

    if (!wanted)
        return arguments_complain(arguments, "'%s' is not UTF-8", assignment);
    int r = connection_call(arguments, "SetParameter", wanted, &reply);
    if (r >= 0 && arguments_has(arguments, OPTION_JSON))
        output_json(reply);
    return r;
}

int verb_param(const Arguments *arguments) {
    int r = 0;

    if (arguments->n_operands == 0)
        r = show(arguments, NULL);
    for (size_t i = 0; i < arguments->n_operands && r >= 0; i++) {
        const char *operand = arguments->operands[i];
        r = strchr(operand, '=') ? set(arguments, operand) : show(arguments, operand);
    }
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
