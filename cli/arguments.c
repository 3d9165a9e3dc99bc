// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/arguments.h"

#include "base/log.h"
#include "cli/memory.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define N_OPTIONS (_OPTION_LAST + 1)
#define LONG_BASE 256 // getopt's values of long options lie behind all letters

const OptionRow option_rows[N_OPTIONS] = {
    [OPTION_NAME] = { 'n', NULL, "NAME", "name of the job (with add: of the task)" },
    [OPTION_PRIORITY] = { 'p', NULL, "PRIORITY", "lowest, belowNormal, normal (default), aboveNormal or highest" },
    [OPTION_SLOTS] = { 'c', NULL, "MIN[-MAX]", "slots: how many tasks of the job run at once (1)" },
    [OPTION_RUN_TIME] = { 't', NULL, "RUNTIME", "longest run of the job (with add: of the task), such as 90s, 2h30m" },
    [OPTION_DIRECTORY] = { 'w', NULL, "DIR", "working directory (the current one)" },
    [OPTION_STDIN] = { 'i', NULL, "FILE", "standard input (/dev/null)" },
    [OPTION_STDOUT] = { 'o', NULL, "FILE", "standard output (kept by the agent for 'corral logs')" },
    [OPTION_STDERR] = { 'e', NULL, "FILE", "standard error (kept by the agent for 'corral logs --stderr')" },
    [OPTION_ENVIRONMENT] = { 'E', NULL, "K=V", "environment variable; may be repeated" },
    [OPTION_FILE] = { 0, "file", "FILE", "read the job from a file, '-' for standard input; see corral-job(5)" },
    [OPTION_ID] = { 0, "id", "JOB", "submit this job, which was made with 'corral new'" },
    [OPTION_WAIT] = { 0, "wait", NULL, "wait until the job is over and exit as 'corral wait' does" },
    [OPTION_MESSAGE] = { 'm', NULL, "MESSAGE", "why, at most 320 characters; kept with the job" },
    [OPTION_GRACE] = { 0, "grace", "DURATION", "time between SIGTERM and the kill, such as 10s" },
    [OPTION_FORCE] = { 0, "force", NULL, "no grace period; ends one that has begun" },
    [OPTION_NO_WAIT] = { 0, "no-wait", NULL, "do not wait until it is done" },
    [OPTION_ALL] = { 0, "all", NULL, "jobs of all users in all statuses (with cancel: that are not over)" },
    [OPTION_STATE] = { 0, "state", "S,...", "jobs in these statuses" },
    [OPTION_USER] = { 0, "user", "U", "jobs of this user, by name or number" },
    [OPTION_TIMEOUT] = { 0, "timeout", "D", "give up after this time with exit status 124" },
    [OPTION_FOLLOW] = { 'f', NULL, NULL, "go on until the task has ended" },
    [OPTION_OF_STDERR] = { 0, "stderr", NULL, "its standard error instead of its standard output" },
    [OPTION_OWN] = { 0, "user", NULL, "talk to the agent of your own that systemd --user runs" },
    [OPTION_SOCKET] = { 0, "socket", "PATH", "socket of the agent (CORRAL_SOCKET, else /run/corral/io.corral)" },
    [OPTION_JSON] = { 0, "json", NULL, "print replies as JSON objects, one a line" },
    [OPTION_VERSION] = { 0, "version", NULL, "print the version and exit" },
    [OPTION_HELP] = { 0, "help", NULL, "print this help and exit" },
};

void arguments_deinit(Arguments *arguments) {
    free(arguments->environment);
    *arguments = ARGUMENTS_NULL;
}

int arguments_complain(const Arguments *arguments, const char *format, ...) {
    AUTO_FREE char *text = NULL;
    const char *blank = arguments->name ? " " : "", *verb = arguments->name ? arguments->name : "";
    va_list values;

    va_start(values, format);
    int length = vasprintf(&text, format, values);
    va_end(values);
    memory_require(length >= 0);
    log_error("%s%s%s; try 'corral%s%s --help'", verb, arguments->name ? ": " : "", text, blank, verb);
    return -EINVAL;
}

// What getopt_long(3) wants to know of the options allowed.
typedef struct GetoptTables {
    char letters[3 + 2 * N_OPTIONS + 1];
    struct option names[N_OPTIONS + 1];
} GetoptTables;

static void fill_tables(GetoptTables *tables, uint64_t options, bool ordered) {
    char *letter = tables->letters;
    struct option *name = tables->names;

    if (ordered)
        *letter++ = '+';
    *letter++ = ':'; // a missing argument is told from an unknown option
    for (Option option = 0; option < N_OPTIONS; option++) {
        const OptionRow *row = &option_rows[option];
        if (!(options & OPTION_BIT(option)))
            continue;
        if (row->letter) {
            *letter++ = row->letter;
            if (row->argument)
                *letter++ = ':';
        } else {
            *name++ = (struct option){ .name = row->name,
                                       .has_arg = row->argument ? required_argument : no_argument,
                                       .val = LONG_BASE + (int)option };
        }
    }
    *letter = '\0';
    *name = (struct option){ 0 };
}

static Option option_of(int value, uint64_t options) {
    if (value >= LONG_BASE)
        return (Option)(value - LONG_BASE);
    for (Option option = 0; option < N_OPTIONS; option++)
        if (options & OPTION_BIT(option) && option_rows[option].letter == value)
            return option;
    abort(); // getopt returns what fill_tables() gave it
}

static int complain_of_option(const Arguments *arguments, int value, char **argv) {
    const char *word = argv[optind - 1];

    if (optopt != 0 && optopt < LONG_BASE)
        return arguments_complain(arguments, value == ':' ? "-%c needs an argument" : "unknown option -%c", optopt);
    if (value == ':')
        return arguments_complain(arguments, "%s needs an argument", word);
    return arguments_complain(arguments, optopt ? "%s takes no argument" : "unknown option %s", word);
}

int arguments_parse(Arguments *arguments, uint64_t options, bool ordered, int argc, char **argv) {
    GetoptTables tables;
    int value;

    fill_tables(&tables, options, ordered);
    if (!arguments->environment)
        arguments->environment = memory_new((size_t)argc, sizeof *arguments->environment);
    optind = 0; // begin anew
    opterr = 0;
    while ((value = getopt_long(argc, argv, tables.letters, tables.names, NULL)) >= 0) {
        if (value == '?' || value == ':')
            return complain_of_option(arguments, value, argv);
        Option option = option_of(value, options);
        arguments->value[option] = optarg ? optarg : "";
        if (option == OPTION_ENVIRONMENT)
            arguments->environment[arguments->n_environment++] = optarg;
    }
    arguments->operands = argv + optind;
    arguments->n_operands = (size_t)(argc - optind);
    return 0;
}

static int describe(const OptionRow *row, char *text, size_t size) {
    char letter[] = { '-', row->letter, '\0' };

    return snprintf(text, size, "%s%s%s%s", row->letter ? letter : "--", row->letter ? "" : row->name,
                    row->argument ? " " : "", row->argument ? row->argument : "");
}

void options_help(uint64_t options, FILE *stream) {
    char text[64];
    int width = 0;

    for (Option option = 0; option < N_OPTIONS; option++)
        if (options & OPTION_BIT(option)) {
            int length = describe(&option_rows[option], text, sizeof text);
            width = length > width ? length : width;
        }
    for (Option option = 0; option < N_OPTIONS; option++)
        if (options & OPTION_BIT(option)) {
            (void)describe(&option_rows[option], text, sizeof text);
            fprintf(stream, "  %-*s  %s\n", width, text, option_rows[option].help);
        }
}
