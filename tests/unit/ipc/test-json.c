// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AUTO_BUFFER CLEANUP(buffer_deinit)

// NUL within the text needs the size.
typedef struct Case {
    const char *text;
    size_t size;
} Case;
#define CASE(literal)                                                                                                  \
    { literal, sizeof literal - 1 }

static int parse(const char *text, size_t size, char *wrong, size_t wrong_size) {
    // An allocation of exactly this size lets the sanitizer see a byte too many.
    AUTO_FREE char *copy = malloc(size + (size == 0));
    AUTO_JSON json_t *value = NULL;

    memcpy(copy, text, size);
    int r = ipc_json_parse(copy, size, &value, wrong, wrong_size);
    cr_assert_eq(r == 0, value != NULL);
    return r;
}

static const Case accepted[] = {
    CASE("{}"),
    CASE(" \t\r\n{ } \n"),
    CASE("{\"a\":null,\"b\":true,\"c\":false,\"d\":[],\"e\":{}}"),
    CASE("{\"a\":9223372036854775807,\"b\":-9223372036854775808}"),
    CASE("{\"a\":1.5,\"b\":-0.0,\"c\":1e300,\"d\":1E+2,\"e\":0.1e-2}"),
    CASE("{\"\":\"\"}"),
    CASE("{\"a\":\"\\u00e4\\ud83d\\ude00\\n\\\"\\\\\\/\"}"),
    CASE("{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\"}"),
    CASE("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{{{{{{\"}"),
    CASE("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{{{{{{\"}"),
    CASE("{\"a\":[1,[2],[3],[4],[5],[6],[7],[8],[9],[0],[1],[2],[3],[4],[5],[6],[7],[8],[9],[0],[1],[2],[3],[4],[5],[6]"
         ",[7],"
         "[8],[9],[0],[1],[2],[3],[4]]}"),
};

static const Case refused[] = {
    CASE(""),
    CASE(" "),
    CASE("null"),
    CASE("1"),
    CASE("\"text\""),
    CASE("[]"),
    CASE("[{}]"),
    CASE("{"),
    CASE("}"),
    CASE("{}}"),
    CASE("{}{}"),
    CASE("{} x"),
    CASE("{}\0"),
    CASE("{\"a\"}"),
    CASE("{\"a\":}"),
    CASE("{\"a\":1,}"),
    CASE("{a:1}"),
    CASE("{'a':1}"),
    CASE("{\"a\":01}"),
    CASE("{\"a\":+1}"),
    CASE("{\"a\":.5}"),
    CASE("{\"a\":1.}"),
    CASE("{\"a\":NaN}"),
    CASE("{\"a\":Infinity}"),
    CASE("{\"a\":0x10}"),
    CASE("{\"a\":tru}"),
    CASE("{\"a\":True}"),
    CASE("{\"a\":[1,]}"),
    CASE("{\"a\":[1 2]}"),
    CASE("{\"a\":\"\n\"}"),
    CASE("{\"a\":\"\\x\"}"),
    CASE("{\"a\":\"\\u12\"}"),
    CASE("{\"a\":\"\\ud800\"}"),
    CASE("{\"a\":\"\\ud800\\u0041\"}"),
    CASE("{\"a\":\"\\udc00\"}"),
    CASE("{\"a\":\"\\u0000\"}"),
    CASE("{\"\\u0000\":1}"),
    CASE("{\"a\":\"\0\"}"),
    CASE("{\"a\":\"\xff\"}"),
    CASE("{\"a\":\"\xc0\x80\"}"),
    CASE("{\"a\":\"\xed\xa0\x80\"}"),
    CASE("{\"a\":\"\xf4\x90\x80\x80\"}"),
    CASE("{\"a\":\"\xc3\"}"),
    CASE("{\"a\":1,\"a\":1}"),
    CASE("{\"b\":{\"a\":1,\"\\u0061\":2}}"),
    CASE("{\"a\":9223372036854775808}"),
    CASE("{\"a\":-9223372036854775809}"),
    CASE("{\"a\":123456789012345678901234567890}"),
    CASE("{\"a\":1e400}"),
    CASE("/* c */ {}"),
    CASE("\xef\xbb\xbf{}"),
};

Test(json, accepts) {
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        cr_expect_eq(parse(accepted[i].text, accepted[i].size, NULL, 0), 0, "%s", accepted[i].text);
}

Test(json, refuses) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char wrong[160] = "";
        cr_expect_eq(parse(refused[i].text, refused[i].size, wrong, sizeof wrong), -EBADMSG, "%s", refused[i].text);
        cr_expect_str_neq(wrong, "", "%s is refused without a reason", refused[i].text);
    }
}

Test(json, every_beginning_of_a_text_is_refused) {
    static const char text[] = "{\"a\":[1,2.5,\"\\u00e4\xc3\xa4\",null,true],\"b\":{\"c\":-1e9}}";

    for (size_t size = 0; size < sizeof text - 1; size++)
        cr_expect_eq(parse(text, size, NULL, 0), -EBADMSG, "%.*s", (int)size, text);
    cr_assert_eq(parse(text, sizeof text - 1, NULL, 0), 0);
}

static int parse_nested(size_t depth, char open, char close) {
    AUTO_BUFFER Buffer text = BUFFER_NULL;

    cr_assert_eq(buffer_printf(&text, "{\"a\":"), 0);
    for (size_t i = 1; i < depth; i++)
        cr_assert_eq(buffer_printf(&text, open == '[' ? "[" : i + 1 < depth ? "{\"a\":" : "{"), 0);
    for (size_t i = 1; i < depth; i++)
        cr_assert_eq(buffer_append(&text, &close, 1), 0);
    cr_assert_eq(buffer_printf(&text, "}"), 0);
    return parse((const char *)buffer_bytes(&text), buffer_size(&text), NULL, 0);
}

Test(json, bounds_the_depth) {
    cr_assert_eq(parse_nested(32, '[', ']'), 0);
    cr_assert_eq(parse_nested(33, '[', ']'), -EBADMSG);
    cr_assert_eq(parse_nested(32, '{', '}'), 0);
    cr_assert_eq(parse_nested(33, '{', '}'), -EBADMSG);
    cr_assert_eq(parse_nested(1000000, '[', ']'), -EBADMSG);
}

Test(json, prints_what_it_parsed) {
    static const char text[] = "{\"a\":[1,-2,3.5,true,false,null],\"b\":{\"c\":\"\xc3\xa4\\n\\\"\",\"d\":{}},\"e\":[]}";
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;
    AUTO_JSON json_t *value = NULL;

    cr_assert_eq(ipc_json_parse(text, sizeof text - 1, &value, NULL, 0), 0);
    cr_assert_eq(ipc_json_print(value, &buffer), 0);
    cr_assert_eq(buffer_size(&buffer), sizeof text - 1);
    cr_assert_arr_eq(buffer_bytes(&buffer), text, sizeof text - 1);
}

Test(json, prints_behind_what_is_there) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;
    AUTO_JSON json_t *value = json_string("x");

    cr_assert_eq(buffer_printf(&buffer, "before "), 0);
    cr_assert_eq(ipc_json_print(value, &buffer), 0);
    cr_assert_eq(buffer_size(&buffer), 10);
    cr_assert_arr_eq(buffer_bytes(&buffer), "before \"x\"", 10);
}
