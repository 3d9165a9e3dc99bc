// SPDX-License-Identifier: LGPL-2.1-or-later
// Options and operands of a verb. All options there are stand in one table; a verb names those it takes.
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum Option {
    // of jobs and tasks
    OPTION_NAME,
    OPTION_PRIORITY,
    OPTION_SLOTS,
    OPTION_RUN_TIME,
    OPTION_DIRECTORY,
    OPTION_STDIN,
    OPTION_STDOUT,
    OPTION_STDERR,
    OPTION_ENVIRONMENT,
    // of single verbs
    OPTION_FILE,
    OPTION_ID,
    OPTION_WAIT,
    OPTION_MESSAGE,
    OPTION_GRACE,
    OPTION_FORCE,
    OPTION_NO_WAIT,
    OPTION_ALL,
    OPTION_STATE,
    OPTION_USER,
    OPTION_TIMEOUT,
    OPTION_FOLLOW,
    OPTION_OF_STDERR,
    // before the verb alone
    OPTION_OWN,
    // taken by all verbs
    OPTION_SOCKET,
    OPTION_JSON,
    OPTION_VERSION,
    OPTION_HELP,
    _OPTION_LAST = OPTION_HELP
} Option;

#define OPTION_BIT(option) (UINT64_C(1) << (option))
#define OPTIONS_GLOBAL                                                                                                 \
    (OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_HELP))

typedef struct OptionRow {
    char letter;          // '\0': none
    const char *name;     // long name, NULL: none
    const char *argument; // what its argument is called, NULL: it has none
    const char *help;
} OptionRow;

extern const OptionRow option_rows[_OPTION_LAST + 1];

typedef struct Arguments {
    const char *name;                    // of the verb, for messages; NULL before it is known
    const char *value[_OPTION_LAST + 1]; // "" for a flag; NULL when not given; the last one wins
    const char **environment;            // all values of OPTION_ENVIRONMENT
    size_t n_environment;
    char **operands;
    size_t n_operands;
} Arguments;

#define ARGUMENTS_NULL ((Arguments){ 0 })
void arguments_deinit(Arguments *arguments);
#define AUTO_ARGUMENTS CLEANUP(arguments_deinit)

static inline bool arguments_has(const Arguments *arguments, Option option) {
    return arguments->value[option] != NULL;
}

// Parses argv[1..] into arguments, on top of what is there. options: bits of those allowed. ordered: the first operand
// ends the options (what follows is another program's). -EINVAL after a line on standard error. argv is permuted, and
// borrowed.
int arguments_parse(Arguments *arguments, uint64_t options, bool ordered, int argc, char **argv);

// Writes "corral VERB: <text>" and where to find help on standard error. Always returns -EINVAL.
int arguments_complain(const Arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Writes the help on the options, one a line, aligned.
void options_help(uint64_t options, FILE *stream);
