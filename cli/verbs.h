// SPDX-License-Identifier: LGPL-2.1-or-later
// The verbs of corral: one table from which come the dispatch and the help. Each verb has a file of its own.
#pragma once

#include "cli/arguments.h"

typedef struct Verb {
    const char *name;
    const char *synopsis; // without "corral"; several forms on lines of their own
    const char *summary;
    uint64_t options;                       // bits, without the global ones
    size_t operands_min, operands_max;      // SIZE_MAX: any number
    bool ordered;                           // the first operand begins a command
    int (*run)(const Arguments *arguments); // returns the exit status
} Verb;

extern const Verb verbs[];
extern const size_t n_verbs;

const Verb *verb_find(const char *name);

void verbs_help(FILE *stream);
void verb_help(const Verb *verb, FILE *stream);

#define EXIT_USAGE 2
#define EXIT_TIMEOUT 124

int verb_submit(const Arguments *arguments);
int verb_new(const Arguments *arguments);
int verb_add(const Arguments *arguments);
int verb_run(const Arguments *arguments);
int verb_cancel(const Arguments *arguments);
int verb_requeue(const Arguments *arguments);
int verb_list(const Arguments *arguments);
int verb_show(const Arguments *arguments);
int verb_history(const Arguments *arguments);
int verb_wait(const Arguments *arguments);
int verb_logs(const Arguments *arguments);
int verb_watch(const Arguments *arguments);
int verb_param(const Arguments *arguments);
int verb_status(const Arguments *arguments);
