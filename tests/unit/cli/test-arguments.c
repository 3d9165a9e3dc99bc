// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/arguments.h"
#include "cli/job-spec.h"
#include "cli/verbs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// Complaints are tested in test-verbs.c.
static void hush(void) {
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
}

TestSuite(arguments, .init = hush);
TestSuite(job_spec, .init = hush);

typedef struct Case {
    Arguments arguments;
    char *argv[32];
    int result;
} Case;

// Parses words after a verb as the program does.
static void parse_words(Case *test, const char *verb_name, const char *const *words) {
    const Verb *verb = verb_find(verb_name);
    int argc = 1;

    cr_assert(verb);
    test->arguments = ARGUMENTS_NULL;
    test->arguments.name = verb_name;
    test->argv[0] = (char *)verb_name;
    for (; words[argc - 1]; argc++)
        test->argv[argc] = (char *)words[argc - 1];
    test->argv[argc] = NULL;
    test->result = arguments_parse(&test->arguments, verb->options | OPTIONS_GLOBAL, verb->ordered, argc, test->argv);
}
#define PARSE(test, verb, ...) parse_words((test), (verb), (const char *const[]){ __VA_ARGS__, NULL })

Test(arguments, come_before_and_after_operands) {
    Case test;

    PARSE(&test, "cancel", "12", "-m", "why", "13.2", "--force", "--json");
    cr_assert_eq(test.result, 0);
    cr_expect_eq(test.arguments.n_operands, 2);
    cr_expect_str_eq(test.arguments.operands[0], "12");
    cr_expect_str_eq(test.arguments.operands[1], "13.2");
    cr_expect_str_eq(test.arguments.value[OPTION_MESSAGE], "why");
    cr_expect(arguments_has(&test.arguments, OPTION_FORCE));
    cr_expect(arguments_has(&test.arguments, OPTION_JSON));
    cr_expect(!arguments_has(&test.arguments, OPTION_NO_WAIT));
    arguments_deinit(&test.arguments);
}

Test(arguments, of_a_command_are_left_to_it) {
    Case test;

    PARSE(&test, "run", "-n", "x", "ls", "-n", "--json");
    cr_assert_eq(test.result, 0);
    cr_expect_eq(test.arguments.n_operands, 3);
    cr_expect_str_eq(test.arguments.operands[1], "-n");
    cr_expect(!arguments_has(&test.arguments, OPTION_JSON));
    arguments_deinit(&test.arguments);

    PARSE(&test, "add", "12", "-n", "x", "--", "ls", "-n", "y");
    cr_assert_eq(test.result, 0);
    cr_expect_eq(test.arguments.n_operands, 4);
    cr_expect_str_eq(test.arguments.operands[0], "12");
    cr_expect_str_eq(test.arguments.operands[2], "-n");
    cr_expect_str_eq(test.arguments.value[OPTION_NAME], "x");
    arguments_deinit(&test.arguments);
}

Test(arguments, last_one_wins_but_for_the_environment) {
    Case test;

    PARSE(&test, "run", "-n", "a", "-n", "b", "-E", "A=1", "-E", "B=2", "-E", "A=3", "--", "true");
    cr_assert_eq(test.result, 0);
    cr_expect_str_eq(test.arguments.value[OPTION_NAME], "b");
    cr_assert_eq(test.arguments.n_environment, 3);
    cr_expect_str_eq(test.arguments.environment[0], "A=1");
    cr_expect_str_eq(test.arguments.environment[2], "A=3");
    arguments_deinit(&test.arguments);
}

Test(arguments, unknown_or_incomplete_are_refused) {
    Case test;

    PARSE(&test, "cancel", "-n", "x", "12"); // an option of another verb
    cr_expect_eq(test.result, -EINVAL);
    arguments_deinit(&test.arguments);
    PARSE(&test, "cancel", "12", "-m");
    cr_expect_eq(test.result, -EINVAL);
    arguments_deinit(&test.arguments);
    PARSE(&test, "wait", "12", "--timeout");
    cr_expect_eq(test.result, -EINVAL);
    arguments_deinit(&test.arguments);
    PARSE(&test, "list", "--all=yes");
    cr_expect_eq(test.result, -EINVAL);
    arguments_deinit(&test.arguments);
}

Test(arguments, have_letters_and_names_used_once_in_a_verb) {
    for (size_t i = 0; i < n_verbs; i++)
        for (Option a = 0; a <= _OPTION_LAST; a++)
            for (Option b = 0; b < a; b++) {
                uint64_t options = verbs[i].options | OPTIONS_GLOBAL;
                if (!(options & OPTION_BIT(a)) || !(options & OPTION_BIT(b)))
                    continue;
                const OptionRow *left = &option_rows[a], *right = &option_rows[b];
                cr_expect(!left->letter || left->letter != right->letter, "%s -%c", verbs[i].name, left->letter);
                cr_expect(!left->name || !right->name || strcmp(left->name, right->name) != 0, "%s --%s", verbs[i].name,
                          left->name);
            }
}

Test(arguments, have_help_each) {
    for (Option option = 0; option <= _OPTION_LAST; option++)
        cr_expect(option_rows[option].help && (option_rows[option].letter || option_rows[option].name), "%d",
                  (int)option);
}

static void expect_slots(const char *text, int result, int64_t min, int64_t max) {
    int64_t parsed_min = -1, parsed_max = -1;

    cr_expect_eq(slots_parse(text, &parsed_min, &parsed_max), result, "'%s'", text);
    cr_expect_eq(parsed_min, result < 0 ? -1 : min, "'%s': %jd", text, (intmax_t)parsed_min);
    cr_expect_eq(parsed_max, result < 0 ? -1 : max, "'%s': %jd", text, (intmax_t)parsed_max);
}

Test(job_spec, slots_are_one_number_or_two) {
    const char *wrong[] = { "", "0", "-1", "1-", "-", "2-1", "1-2-3", "x", "1 ", "+1", "0-4", "99999999999", "1-x" };

    expect_slots("1", 0, 1, 0);
    expect_slots("4-8", 0, 4, 8);
    expect_slots("4-4", 0, 4, 4);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_slots(wrong[i], -EINVAL, 0, 0);
}

Test(job_spec, priorities_have_their_names_of_the_wire) {
    cr_expect_str_eq(priority_find("BELOWNORMAL"), "belowNormal");
    cr_expect_str_eq(priority_find("highest"), "highest");
    cr_expect_null(priority_find("high"));
    cr_expect_null(priority_find(""));
}

static json_t *make(const char *verb, bool task, int result, const char *const *words) {
    json_t *spec = NULL;
    Case test;

    parse_words(&test, verb, words);
    cr_assert_eq(test.result, 0);
    int r = (task ? task_spec_make : job_spec_make)(&test.arguments, test.arguments.operands, test.arguments.n_operands,
                                                    &spec);
    cr_expect_eq(r, result, "%d", r);
    arguments_deinit(&test.arguments);
    return spec;
}
#define MAKE(verb, task, result, ...) make((verb), (task), (result), (const char *const[]){ __VA_ARGS__, NULL })

static void expect_json(json_t *spec, const char *expected) {
    AUTO_JSON json_t *owned = spec, *wanted = json_loads(expected, 0, NULL);
    AUTO_FREE char *text = json_dumps(spec, 0);

    cr_assert(wanted);
    cr_expect(json_equal(spec, wanted), "%s instead of %s", text, expected);
    (void)owned;
}

Test(job_spec, takes_all_options_of_a_job) {
    expect_json(MAKE("submit", false, 0, "-n", "name", "-p", "Highest", "-c", "2-3", "-t", "1h", "-w", "/tmp", "-i",
                     "in", "-o", "out", "-e", "err", "-E", "A=1", "-E", "B=", "--", "cmd", "-x"),
                "{\"name\": \"name\", \"priority\": \"highest\", \"minSlots\": 2, \"maxSlots\": 3,"
                " \"runTimeLimit\": 3600000000, \"environment\": [\"A=1\", \"B=\"], \"tasks\": [{\"command\":"
                " [\"cmd\", \"-x\"], \"workDirectory\": \"/tmp\", \"stdin\": \"in\", \"stdout\": \"out\","
                " \"stderr\": \"err\"}]}");
}

Test(job_spec, gives_a_task_what_a_job_would_have) {
    expect_json(MAKE("add", true, 0, "-n", "name", "-t", "90", "-w", "/", "-E", "A=1", "--", "cmd"),
                "{\"name\": \"name\", \"runTimeLimit\": 90000000, \"environment\": [\"A=1\"], \"workDirectory\": \"/\","
                " \"command\": [\"cmd\"]}");
}

Test(job_spec, makes_the_directory_absolute) {
    cr_assert_eq(chdir("/usr"), 0);
    expect_json(MAKE("run", false, 0, "--", "x"), "{\"tasks\": [{\"command\": [\"x\"], \"workDirectory\": \"/usr\"}]}");
    expect_json(MAKE("run", false, 0, "-w", "lib/x", "--", "x"),
                "{\"tasks\": [{\"command\": [\"x\"], \"workDirectory\": \"/usr/lib/x\"}]}");
    cr_assert_eq(chdir("/"), 0);
    expect_json(MAKE("run", false, 0, "-w", "usr", "--", "x"),
                "{\"tasks\": [{\"command\": [\"x\"], \"workDirectory\": \"/usr\"}]}");
}

Test(job_spec, without_command_is_an_empty_job) {
    expect_json(MAKE("new", false, 0, "-n", "x"), "{\"name\": \"x\"}");
    cr_expect_null(MAKE("new", false, -EINVAL, "-w", "/"));
}

Test(job_spec, refuses_what_it_cannot_read) {
    cr_expect_null(MAKE("run", false, -EINVAL, "-p", "urgent", "--", "x"));
    cr_expect_null(MAKE("run", false, -EINVAL, "-c", "0", "--", "x"));
    cr_expect_null(MAKE("run", false, -EINVAL, "-t", "soon", "--", "x"));
    cr_expect_null(MAKE("run", false, -EINVAL, "-E", "novalue", "--", "x"));
    cr_expect_null(MAKE("run", false, -EINVAL, "-E", "=x", "--", "x"));
    cr_expect_null(MAKE("run", false, -EINVAL, "-n", "\xff", "--", "x"));
    cr_expect_null(MAKE("run", false, -EINVAL, "--", "\xc3"));
}
