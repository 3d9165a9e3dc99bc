// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <string.h>

static void use_utf8(void) {
    cr_assert(setlocale(LC_CTYPE, "C.UTF-8"));
}

TestSuite(text, .init = use_utf8);

static void expect_escaped(const char *text, const char *expected) {
    AUTO_FREE char *escaped = text_escaped(text);

    cr_expect_str_eq(escaped, expected);
}

Test(text, passes_what_is_harmless) {
    expect_escaped("", "");
    expect_escaped("plain text, äöü, 日本, 🐄", "plain text, äöü, 日本, 🐄");
}

Test(text, escapes_what_moves_a_terminal) {
    expect_escaped("a\nb\tc\rd", "a\\nb\\tc\\rd");
    expect_escaped("\033[31mred\a", "\\x1b[31mred\\x07");
    expect_escaped("\x7f", "\\x7f");
    expect_escaped("\xc2\x9b"
                   "31m",
                   "\\xc2\\x9b31m");
    expect_escaped("\u202egnp.exe", "\\xe2\\x80\\xaegnp.exe");
    expect_escaped("\xff\xc3", "\\xff\\xc3");
}

Test(text, keeps_what_it_is_told_to) {
    Buffer buffer = BUFFER_NULL;

    text_escape(&buffer, "a\n\tb\033\0", 6, "\n\t");
    cr_expect_eq(buffer_size(&buffer), strlen("a\n\tb\\x1b\\x00"));
    cr_expect_eq(memcmp(buffer_bytes(&buffer), "a\n\tb\\x1b\\x00", buffer_size(&buffer)), 0);
    buffer_deinit(&buffer);
}

Test(text, has_the_width_of_its_columns) {
    cr_expect_eq(text_width(""), 0);
    cr_expect_eq(text_width("abc"), 3);
    cr_expect_eq(text_width("äöü"), 3);
    cr_expect_eq(text_width("日本"), 4);
    cr_expect_eq(text_width("e\u0301"), 1); // a combining accent
}

Test(text, fits_without_half_characters) {
    cr_expect_eq(text_fit("abc", 2), 2);
    cr_expect_eq(text_fit("abc", 9), 3);
    cr_expect_eq(text_fit("日本", 3), 3);
    cr_expect_eq(text_fit("日本", 1), 0);
    cr_expect_eq(text_fit("e\u0301x", 1), 3);
}

Test(text, knows_a_character_that_is_cut) {
    cr_expect_eq(text_incomplete("", 0), 0);
    cr_expect_eq(text_incomplete("a", 1), 0);
    cr_expect_eq(text_incomplete("\xc3", 1), 1);
    cr_expect_eq(text_incomplete("a\xe2\x82", 3), 2);
    cr_expect_eq(text_incomplete("\xf0\x9f\x90", 3), 3);
    cr_expect_eq(text_incomplete("\xf0\x9f\x90\x84", 4), 0);
    cr_expect_eq(text_incomplete("\x80\x80\x80\x80\x80", 5), 0); // no character at all
    cr_expect_eq(text_incomplete("\x80", 1), 0);
}

static void expect_quoted(const char *const *words, size_t n, const char *expected) {
    AUTO_FREE char *quoted = text_quoted(words, n);

    cr_expect_str_eq(quoted, expected);
}

Test(text, quotes_words_for_a_shell) {
    const char *words[] = { "sh", "-c", "echo 'x' $HOME", "", "a=b", "*" };

    expect_quoted(words, sizeof words / sizeof *words, "sh -c 'echo '\\''x'\\'' $HOME' '' a=b '*'");
    expect_quoted(words, 0, "");
}
