// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/verbs.h"

#include <string.h>

#define BIT(option) OPTION_BIT(OPTION_##option)
#define TASK_OPTIONS                                                                                                   \
    (BIT(NAME) | BIT(RUN_TIME) | BIT(DIRECTORY) | BIT(STDIN) | BIT(STDOUT) | BIT(STDERR) | BIT(ENVIRONMENT))
#define JOB_OPTIONS (TASK_OPTIONS | BIT(PRIORITY) | BIT(SLOTS))

#define TASK_SYNOPSIS "[-n NAME] [-t RUNTIME] [-w DIR] [-i FILE] [-o FILE] [-e FILE] [-E K=V]..."
#define JOB_SYNOPSIS                                                                                                   \
    "[-n NAME] [-p PRIORITY] [-c MIN[-MAX]] [-t RUNTIME] [-w DIR] [-i FILE] [-o FILE] [-e FILE] [-E K=V]..."

const Verb verbs[] = {
    { "submit", JOB_SYNOPSIS " [--wait] -- COMMAND [ARG...]\n--file FILE|- [--wait]\n--id JOB [--wait]",
      "Queue a job, print its id", JOB_OPTIONS | BIT(FILE) | BIT(ID) | BIT(WAIT), 0, SIZE_MAX, true, verb_submit },
    { "new", JOB_SYNOPSIS " [-- COMMAND [ARG...]]\n--file FILE|-", "Make a job that is not yet submitted, print its id",
      JOB_OPTIONS | BIT(FILE), 0, SIZE_MAX, true, verb_new },
    { "add", "JOB " TASK_SYNOPSIS " -- COMMAND [ARG...]", "Add a task to a job, print JOB.TASK", TASK_OPTIONS, 2,
      SIZE_MAX, false, verb_add },
    { "run", JOB_SYNOPSIS " -- COMMAND [ARG...]",
      "Run a job like a shell would: pass its output on, exit as it did; Ctrl-C cancels it", JOB_OPTIONS, 1, SIZE_MAX,
      true, verb_run },
    { "cancel",
      "JOB[.TASK]... [-m MESSAGE] [--grace DURATION] [--force] [--no-wait]\n"
      "[--all] [--state S,...] [--user U] [-m MESSAGE] [--grace DURATION] [--force] [--no-wait]",
      "Stop jobs or tasks with all their processes",
      BIT(MESSAGE) | BIT(GRACE) | BIT(FORCE) | BIT(NO_WAIT) | BIT(ALL) | BIT(STATE) | BIT(USER), 0, SIZE_MAX, false,
      verb_cancel },
    { "requeue", "JOB[.TASK]...", "Run again what failed, was canceled or never started", 0, 1, SIZE_MAX, false,
      verb_requeue },
    { "list", "[--all] [--state S,...] [--user U]", "List jobs: your own that are not over, or those chosen",
      BIT(ALL) | BIT(STATE) | BIT(USER), 0, 0, false, verb_list },
    { "show", "JOB[.TASK]", "Show a job and its tasks, or a task and its attempts", 0, 1, 1, false, verb_show },
    { "history", "JOB", "Show each transition of a job, oldest first", 0, 1, 1, false, verb_history },
    { "wait", "JOB... [--timeout D]", "Wait until jobs are over, exit as their tasks did", BIT(TIMEOUT), 1, SIZE_MAX,
      false, verb_wait },
    { "logs", "JOB[.TASK] [-f] [--stderr]", "Print the output of a task", BIT(FOLLOW) | BIT(OF_STDERR), 1, 1, false,
      verb_logs },
    { "watch", "[JOB...]", "Print each transition as it happens", 0, 0, SIZE_MAX, false, verb_watch },
    { "param", "[NAME[=VALUE]]...", "List, show or set parameters of the agent", 0, 0, SIZE_MAX, false, verb_param },
    { "status", "", "Show how the agent and this machine are", 0, 0, 0, false, verb_status },
};
const size_t n_verbs = sizeof verbs / sizeof *verbs;

const Verb *verb_find(const char *name) {
    for (size_t i = 0; i < n_verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

void verbs_help(FILE *stream) {
    fputs("Usage: corral [--user] [--socket PATH] [--json] VERB [ARGUMENT...]\n\n"
          "Submits jobs to corrald, looks at them and stops them.\n\n"
          "Verbs:\n",
          stream);
    for (size_t i = 0; i < n_verbs; i++)
        fprintf(stream, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\nOptions, before or after the verb (--user before it alone):\n", stream);
    options_help(OPTIONS_GLOBAL | BIT(OWN), stream);
    fputs("\n'corral VERB --help' tells more about a verb, corral(1) about all.\n", stream);
}

void verb_help(const Verb *verb, FILE *stream) {
    const char *form = verb->synopsis, *lead = "Usage:";

    for (bool more = true; more; lead = "      ") {
        size_t length = strcspn(form, "\n");
        fprintf(stream, "%s corral %s%s%.*s\n", lead, verb->name, length > 0 ? " " : "", (int)length, form);
        more = form[length] == '\n';
        form += length + more;
    }
    fprintf(stream, "\n%s.\n\nOptions:\n", verb->summary);
    options_help(verb->options | OPTIONS_GLOBAL, stream);
}
