// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/program.h"

#include "base/log.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>

static int check_operands(const Arguments *arguments, const Verb *verb) {
    if (arguments->n_operands < verb->operands_min)
        return arguments_complain(arguments, "too few arguments: corral %s %s", verb->name, verb->synopsis);
    if (arguments->n_operands > verb->operands_max)
        return arguments_complain(arguments, "unexpected argument '%s'", arguments->operands[verb->operands_max]);
    return 0;
}

// Help and version come before all else that could be wrong. Returns whether there was one to print.
static bool print_about(const Arguments *arguments, const Verb *verb) {
    if (arguments_has(arguments, OPTION_HELP)) {
        if (verb)
            verb_help(verb, stdout);
        else
            verbs_help(stdout);
        return true;
    }
    if (arguments_has(arguments, OPTION_VERSION)) {
        puts("corral " CORRAL_VERSION);
        return true;
    }
    return false;
}

static int run_verb(Arguments *arguments, const Verb *verb, int argc, char **argv) {
    if (arguments_parse(arguments, verb->options | OPTIONS_GLOBAL, verb->ordered, argc, argv) < 0)
        return EXIT_USAGE;
    if (print_about(arguments, verb))
        return EXIT_SUCCESS;
    if (check_operands(arguments, verb) < 0)
        return EXIT_USAGE;
    return verb->run(arguments);
}

static int run(int argc, char **argv) {
    AUTO_ARGUMENTS Arguments arguments = ARGUMENTS_NULL;

    if (arguments_parse(&arguments, OPTIONS_GLOBAL | OPTION_BIT(OPTION_OWN), true, argc, argv) < 0)
        return EXIT_USAGE;
    if (arguments.n_operands == 0) {
        if (print_about(&arguments, NULL))
            return EXIT_SUCCESS;
        verbs_help(stderr);
        return EXIT_USAGE;
    }
    char **rest = arguments.operands;
    const Verb *verb = verb_find(rest[0]);
    if (!verb) {
        (void)arguments_complain(&arguments, "there is no verb '%s'", rest[0]);
        return EXIT_USAGE;
    }
    arguments.name = verb->name;
    return run_verb(&arguments, verb, (int)arguments.n_operands, rest);
}

int program_main(int argc, char *argv[]) {
    log_set_name("corral");
    // Texts of the interface are UTF-8 whatever the locale is; only the width of characters is taken from it.
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)signal(SIGPIPE, SIG_IGN); // told by EPIPE, see cli/output.h
    int status = run(argc, argv);
    return output_finish(status);
}
