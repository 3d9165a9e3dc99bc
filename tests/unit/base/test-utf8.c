// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/utf8.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static int count(const char *text, size_t size) {
    size_t characters = 4242;

    int r = utf8_count(text, size, &characters);
    if (r < 0) {
        cr_assert_eq(characters, 4242, "the result was touched on failure");
        return r;
    }
    return (int)characters;
}

#define COUNT(literal) count(literal, sizeof(literal) - 1)

Test(utf8, counts_characters_not_bytes) {
    cr_assert_eq(COUNT(""), 0);
    cr_assert_eq(COUNT("abc"), 3);
    cr_assert_eq(COUNT("na\xc3\xafve"), 5);
    cr_assert_eq(COUNT("\xe2\x82\xac"), 1);
    cr_assert_eq(COUNT("\xf0\x9f\x90\x8e\xf0\x9f\x90\x84"), 2);
}

Test(utf8, counts_nul_as_a_character) {
    cr_assert_eq(COUNT("a\0b"), 3);
}

Test(utf8, accepts_the_ends_of_every_range) {
    cr_assert_eq(COUNT("\x01\x7f"), 2);
    cr_assert_eq(COUNT("\xc2\x80\xdf\xbf"), 2);
    cr_assert_eq(COUNT("\xe0\xa0\x80\xef\xbf\xbf"), 2);
    cr_assert_eq(COUNT("\xed\x9f\xbf\xee\x80\x80"), 2);
    cr_assert_eq(COUNT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 2);
}

Test(utf8, refuses_overlong_forms) {
    cr_assert_eq(COUNT("\xc0\x80"), -EILSEQ);
    cr_assert_eq(COUNT("\xc0\xaf"), -EILSEQ);
    cr_assert_eq(COUNT("\xc1\xbf"), -EILSEQ);
    cr_assert_eq(COUNT("\xe0\x80\xaf"), -EILSEQ);
    cr_assert_eq(COUNT("\xe0\x9f\xbf"), -EILSEQ);
    cr_assert_eq(COUNT("\xf0\x80\x80\xaf"), -EILSEQ);
    cr_assert_eq(COUNT("\xf0\x8f\xbf\xbf"), -EILSEQ);
}

Test(utf8, refuses_surrogates) {
    cr_assert_eq(COUNT("\xed\xa0\x80"), -EILSEQ);
    cr_assert_eq(COUNT("\xed\xbf\xbf"), -EILSEQ);
    cr_assert_eq(COUNT("\xed\xa0\xbd\xed\xb0\x8e"), -EILSEQ);
}

Test(utf8, refuses_what_is_above_the_last_character) {
    cr_assert_eq(COUNT("\xf4\x90\x80\x80"), -EILSEQ);
    cr_assert_eq(COUNT("\xf7\xbf\xbf\xbf"), -EILSEQ);
    cr_assert_eq(COUNT("\xf8\x88\x80\x80\x80"), -EILSEQ);
    cr_assert_eq(COUNT("\xfe"), -EILSEQ);
    cr_assert_eq(COUNT("\xff"), -EILSEQ);
}

Test(utf8, refuses_stray_and_missing_continuations) {
    cr_assert_eq(COUNT("\x80"), -EILSEQ);
    cr_assert_eq(COUNT("a\xbf"), -EILSEQ);
    cr_assert_eq(COUNT("\xc3"), -EILSEQ);
    cr_assert_eq(COUNT("\xc3("), -EILSEQ);
    cr_assert_eq(COUNT("\xe2\x82"), -EILSEQ);
    cr_assert_eq(COUNT("\xe2\x82("), -EILSEQ);
    cr_assert_eq(COUNT("\xf0\x9f\x90"), -EILSEQ);
    cr_assert_eq(COUNT("\xf0\x9f(\x8e"), -EILSEQ);
}

Test(utf8, does_not_read_behind_the_end) {
    // The byte that would complete the character is there, but does not belong to the text.
    cr_assert_eq(count("\xe2\x82\xac", 2), -EILSEQ);
}

Test(utf8, decode_tells_length_and_character) {
    uint32_t character = 4242;

    cr_assert_eq(utf8_decode("\xe2\x82\xacx", 4, &character), 3);
    cr_assert_eq(character, 0x20ac);
    character = 4242;
    cr_assert_eq(utf8_decode("", 0, &character), -EILSEQ);
    cr_assert_eq(utf8_decode("\xed\xa0\x80", 3, &character), -EILSEQ);
    cr_assert_eq(character, 4242);
}
