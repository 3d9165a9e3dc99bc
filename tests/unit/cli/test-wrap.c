// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/wrap.h"

#include "base/cleanup.h"
#include "cli/text.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>

static void use_utf8(void) {
    cr_assert(setlocale(LC_CTYPE, "C.UTF-8"));
}

TestSuite(wrap, .init = use_utf8);

static char *wrap(const char *text, size_t column, size_t indent, size_t columns) {
    char *wrapped = NULL;
    size_t size;
    FILE *stream = open_memstream(&wrapped, &size);

    cr_assert(stream);
    wrap_print(stream, text, column, indent, columns);
    cr_assert_eq(fclose(stream), 0);
    return wrapped;
}

static void expect(const char *text, size_t column, size_t indent, size_t columns, const char *expected) {
    AUTO_FREE char *wrapped = wrap(text, column, indent, columns);

    cr_expect_str_eq(wrapped, expected);
}

Test(wrap, leaves_alone_what_fits) {
    expect("", 0, 0, 80, "");
    expect("one two", 0, 2, 80, "one two");
    expect("one  two ", 10, 2, SIZE_MAX, "one  two ");
    expect("12345678", 12, 4, 20, "12345678");
}

Test(wrap, breaks_at_spaces) {
    expect("one two three four five", 0, 4, 20, "one two three four\n    five");
    expect("one two three", 10, 2, 20, "one two\n  three");
    expect("message", 18, 4, 20, "\n    message");
}

Test(wrap, breaks_words_that_fit_nowhere) {
    expect("0123456789012345678901234567", 0, 2, 20, "01234567890123456789\n  01234567");
    expect("a 0123456789012345678901234567", 0, 0, 20, "a\n01234567890123456789\n01234567");
}

Test(wrap, loses_nothing_and_keeps_to_the_width) {
    const char *text = "日本日本 a message of several words 日本日本日本日本日本日本日本日本日本日本日本日本 end";

    for (size_t columns = 20; columns < 100; columns++)
        for (size_t column = 0; column < columns + 5; column += 7) {
            AUTO_FREE char *wrapped = wrap(text, column, 4, columns);
            AUTO_FREE char *copy = strdup(wrapped);
            size_t first = column, letters = 0;
            for (char *rest = copy, *line; (line = strsep(&rest, "\n")); first = 0)
                cr_expect(line[0] == '\0' || first + text_width(line) <= columns, "%zu %zu: '%s'", columns, column,
                          line);
            for (const char *at = text, *in = wrapped; *at; at++) {
                in += strspn(in, " \n");
                if (*at == ' ')
                    continue;
                cr_assert_eq(*at, *in, "%s", wrapped);
                in++;
                letters++;
            }
            cr_expect_gt(letters, 100);
        }
}
