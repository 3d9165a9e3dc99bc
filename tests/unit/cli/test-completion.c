// SPDX-License-Identifier: LGPL-2.1-or-later
// What stands in several places is the same in all of them: verbs and options in the tables, the completion, the
// manual.
#include "base/cleanup.h"
#include "cli/verbs.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char *read_source(const char *path) {
    size_t size = 0;
    char *text = NULL;
    FILE *file = fopen(path, "re");

    cr_assert(file && getdelim(&text, &size, '\0', file) > 0 && fclose(file) == 0, "%s", path);
    return text;
}

// The words that a completion offers: what bash says to a line typed so far.
static char *complete(const char *line) {
    char command[1024], *text = NULL;
    size_t size = 0;

    (void)snprintf(command, sizeof command,
                   "bash --norc -c 'source %s/packaging/completion/corral.bash; corral() { :; };"
                   " COMP_WORDS=(%s \"\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _corral;"
                   " printf \" %%s \" \"${COMPREPLY[@]}\"'",
                   CORRAL_SOURCE, line);
    FILE *pipe = popen(command, "re");
    cr_assert(pipe && getdelim(&text, &size, '\0', pipe) > 0, "%s", command);
    cr_assert_eq(pclose(pipe), 0);
    return text;
}

static void expect_word(const char *text, const char *word, const char *where) {
    char spaced[64];

    (void)snprintf(spaced, sizeof spaced, " %s ", word);
    cr_expect(strstr(text, spaced), "%s is not offered after '%s'", word, where);
}

static void option_word(const OptionRow *row, char ret[static 64]) {
    if (row->letter)
        (void)snprintf(ret, 64, "-%c", row->letter);
    else
        (void)snprintf(ret, 64, "--%s", row->name);
}

Test(completion, offers_all_verbs) {
    AUTO_FREE char *words = complete("corral");

    for (size_t i = 0; i < n_verbs; i++)
        expect_word(words, verbs[i].name, "corral");
}

Test(completion, offers_the_options_of_each_verb_and_no_others) {
    for (size_t i = 0; i < n_verbs; i++) {
        char line[64], word[64];
        (void)snprintf(line, sizeof line, "corral %s", verbs[i].name);
        AUTO_FREE char *words = complete(line);
        size_t n_offered = 0, n_options = 0;
        for (Option option = 0; option <= _OPTION_LAST; option++)
            if ((verbs[i].options | OPTIONS_GLOBAL) & OPTION_BIT(option)) {
                option_word(&option_rows[option], word);
                expect_word(words, word, line);
                n_options++;
            }
        for (const char *at = words; (at = strstr(at, " -")); at++)
            n_offered++;
        cr_expect_eq(n_offered, n_options, "%s: %s", line, words);
    }
}

// "[-n NAME] [--wait]" mentions -n and --wait.
static bool mentions(const char *synopsis, const char *word) {
    size_t length = strlen(word);

    for (const char *at = synopsis; (at = strstr(at, word)); at++)
        if ((at == synopsis || strchr("[ \n", at[-1])) && (at[length] == '\0' || strchr("] \n", at[length])))
            return true;
    return false;
}

Test(help, mentions_each_option_of_a_verb) {
    for (size_t i = 0; i < n_verbs; i++)
        for (Option option = 0; option <= _OPTION_LAST; option++) {
            char word[64];
            if (option == OPTION_OWN)
                continue; // is written as another one, which verbs take
            option_word(&option_rows[option], word);
            bool taken = verbs[i].options & OPTION_BIT(option);
            cr_expect_eq(mentions(verbs[i].synopsis, word), taken, "corral %s %s", verbs[i].name, word);
        }
}

Test(manual, describes_each_verb_and_option) {
    AUTO_FREE char *page = read_source(CORRAL_SOURCE "/docs/man/corral.1");
    char item[96];

    for (size_t i = 0; i < n_verbs; i++) {
        (void)snprintf(item, sizeof item, "\n.It Cm %s", verbs[i].name);
        cr_expect(strstr(page, item), "corral.1 does not describe %s", verbs[i].name);
    }
    for (Option option = 0; option <= _OPTION_LAST; option++) {
        const OptionRow *row = &option_rows[option];
        char letter[2] = { row->letter, '\0' };
        (void)snprintf(item, sizeof item, "\n.It Fl %s%s%s%s", row->letter ? "" : "-", row->letter ? letter : row->name,
                       row->argument ? " Ar " : "", row->argument ? row->argument : "");
        cr_expect(strstr(page, item), "corral.1 does not describe '%s'", item + 1);
    }
}
