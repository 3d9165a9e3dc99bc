// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/idl.h"

#include "base/utf8.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const char text[] = "interface org.example.check\n"
                           "type Colour (red, green)\n"
                           "type Point (x: int, y: int)\n"
                           "type Tree (name: string, children: ?[]Tree)\n"
                           "type All (b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object, e: ?Colour, p: ?Point,\n"
                           "  a: ?[]int, an: ?[]?int, m: ?[string]int, mm: ?[string][]Point, t: ?Tree,\n"
                           "  anonymous: ?(deep: (one, two)))\n"
                           "method M(required: string, all: ?All) -> (n: int)\n"
                           "method N() -> ()\n"
                           "error E(reason: string)\n"
                           "error F()\n";

static IpcInterface *interface;

static void setup(void) {
    char wrong[160] = "";

    cr_assert_eq(ipc_interface_parse(text, sizeof text - 1, &interface, wrong, sizeof wrong), 0, "%s", wrong);
}

static void teardown(void) {
    interface = ipc_interface_free(interface);
}

TestSuite(check, .init = setup, .fini = teardown);

// NULL for a value that fits, or the field that is wrong.
static void expect_all(const char *value, const char *wrong) {
    AUTO_JSON json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    char field[IPC_FIELD_MAX] = "untouched";

    cr_assert_not_null(json, "%s", value);
    int r = ipc_check_type(interface, "All", json, field);
    cr_expect_eq(r, wrong ? -EINVAL : 0, "%s: %s", value, field);
    cr_expect_str_eq(field, wrong ? wrong : "untouched", "%s: %s", value, field);
}

Test(check, types) {
    static const struct {
        const char *value, *wrong;
    } cases[] = {
        { "{}", NULL },
        { "{\"b\":null,\"i\":null,\"f\":null,\"s\":null,\"o\":null,\"e\":null,\"p\":null,\"a\":null,\"m\":null}",
          NULL },
        { "{\"b\":true}", NULL },
        { "{\"b\":false}", NULL },
        { "{\"b\":0}", "b" },
        { "{\"b\":\"true\"}", "b" },
        { "{\"i\":-9223372036854775808}", NULL },
        { "{\"i\":1.0}", "i" },
        { "{\"i\":true}", "i" },
        { "{\"i\":\"1\"}", "i" },
        { "{\"f\":1.5}", NULL },
        { "{\"f\":1}", NULL },
        { "{\"f\":\"1\"}", "f" },
        { "{\"f\":false}", "f" },
        { "{\"s\":\"\"}", NULL },
        { "{\"s\":1}", "s" },
        { "{\"s\":[]}", "s" },
        { "{\"o\":{\"any\":[{}]}}", NULL },
        { "{\"o\":[]}", "o" },
        { "{\"o\":1}", "o" },
        { "{\"e\":\"green\"}", NULL },
        { "{\"e\":\"blue\"}", "e" },
        { "{\"e\":\"gree\"}", "e" },
        { "{\"e\":\"greene\"}", "e" },
        { "{\"e\":\"\"}", "e" },
        { "{\"e\":1}", "e" },
        { "{\"p\":{\"x\":1,\"y\":2}}", NULL },
        { "{\"p\":{\"x\":1}}", "p.y" },
        { "{\"p\":{\"x\":1,\"y\":null}}", "p.y" },
        { "{\"p\":{\"x\":1,\"y\":2,\"z\":3}}", "p.z" },
        { "{\"p\":[]}", "p" },
        { "{\"a\":[]}", NULL },
        { "{\"a\":[1,2,3]}", NULL },
        { "{\"a\":[1,\"2\",3]}", "a[1]" },
        { "{\"a\":[1,null]}", "a[1]" },
        { "{\"a\":{}}", "a" },
        { "{\"a\":1}", "a" },
        { "{\"an\":[null,1]}", NULL },
        { "{\"m\":{}}", NULL },
        { "{\"m\":{\"any key\":1}}", NULL },
        { "{\"m\":{\"k\":null}}", "m.k" },
        { "{\"m\":{\"a\":1,\"k\":\"1\"}}", "m.k" },
        { "{\"m\":[]}", "m" },
        { "{\"mm\":{\"k\":[{\"x\":1,\"y\":1},{\"x\":1,\"y\":1.5}]}}", "mm.k[1].y" },
        { "{\"t\":{\"name\":\"a\",\"children\":[{\"name\":\"b\"},{\"name\":\"c\",\"children\":[]}]}}", NULL },
        { "{\"t\":{\"name\":\"a\",\"children\":[{\"name\":\"b\"},{\"children\":[]}]}}", "t.children[1].name" },
        { "{\"anonymous\":{\"deep\":\"one\"}}", NULL },
        { "{\"anonymous\":{\"deep\":\"three\"}}", "anonymous.deep" },
        { "{\"anonymous\":{}}", "anonymous.deep" },
        { "{\"unknown\":null}", "unknown" },
        { "{\"b\":true,\"unknown\":1}", "unknown" },
        { "[]", "" },
        { "null", "" },
        { "1", "" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_all(cases[i].value, cases[i].wrong);
}

Test(check, parameters) {
    const IpcMethodType *m = ipc_interface_method(interface, "M"), *n = ipc_interface_method(interface, "N");
    AUTO_JSON json_t *good = json_pack("{s:s, s:n}", "required", "x", "all");
    AUTO_JSON json_t *empty = json_object(), *null = json_null(), *array = json_array();
    AUTO_JSON json_t *deep = json_pack("{s:s, s:{s:{s:i}}}", "required", "x", "all", "p", "x", 1);
    char field[IPC_FIELD_MAX];

    cr_assert_eq(ipc_check_call(m, good, field), 0);
    cr_assert_eq(ipc_check_call(m, empty, field), -EINVAL);
    cr_assert_str_eq(field, "required");
    cr_assert_eq(ipc_check_call(m, deep, field), -EINVAL);
    cr_assert_str_eq(field, "all.p.y");
    cr_assert_eq(ipc_check_call(m, NULL, field), -EINVAL);
    cr_assert_str_eq(field, "required");
    cr_assert_eq(ipc_check_call(n, NULL, field), 0);
    cr_assert_eq(ipc_check_call(n, null, field), 0);
    cr_assert_eq(ipc_check_call(n, empty, field), 0);
    cr_assert_eq(ipc_check_call(n, array, field), -EINVAL);
    cr_assert_eq(ipc_check_call(n, good, field), -EINVAL);
    cr_assert_str_eq(field, "required");
}

Test(check, replies_and_errors) {
    const IpcMethodType *m = ipc_interface_method(interface, "M");
    AUTO_JSON json_t *reply = json_pack("{s:i}", "n", 1), *reason = json_pack("{s:s}", "reason", "x");
    char field[IPC_FIELD_MAX];

    cr_assert_eq(ipc_check_reply(m, reply, field), 0);
    cr_assert_eq(ipc_check_reply(m, reason, field), -EINVAL);
    cr_assert_str_eq(field, "n");
    cr_assert_eq(ipc_check_error(interface, "E", reason, field), 0);
    cr_assert_eq(ipc_check_error(interface, "E", NULL, field), -EINVAL);
    cr_assert_str_eq(field, "reason");
    cr_assert_eq(ipc_check_error(interface, "F", NULL, field), 0);
    cr_assert_eq(ipc_check_error(interface, "F", reason, field), -EINVAL);
    cr_assert_eq(ipc_check_error(interface, "G", NULL, field), -EINVAL);
    cr_assert_eq(ipc_check_error(interface, "Point", NULL, field), -EINVAL);
    cr_assert_eq(ipc_check_type(interface, "Unknown", reply, field), -EINVAL);
}

// What a client calls its fields ends up in an error reply: cut, but still text.
Test(check, long_paths_are_cut_between_characters) {
    char name[1001], field[IPC_FIELD_MAX];
    size_t characters;

    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'x', shift);
        for (size_t i = shift; i + 4 <= 1000; i += 4)
            memcpy(name + i, "\xf0\x9f\x98\x80", 5);
        AUTO_JSON json_t *value = json_pack("{s:i}", name, 1);
        cr_assert_not_null(value);
        cr_assert_eq(ipc_check_type(interface, "All", value, field), -EINVAL);
        cr_assert_eq(utf8_count(field, strlen(field), &characters), 0);
        cr_assert_gt(strlen(field), IPC_FIELD_MAX - 5);
    }
}

Test(check, deep_values_do_no_harm) {
    AUTO_JSON json_t *tree = json_pack("{s:i}", "name", 1);
    char field[IPC_FIELD_MAX];

    for (int i = 0; i < 1000; i++)
        tree = json_pack("{s:s, s:[o]}", "name", "x", "children", tree);
    cr_assert_eq(ipc_check_type(interface, "Tree", tree, field), -EINVAL);
    cr_assert_eq(strncmp(field, "children[0].children[0]", 23), 0);
    cr_assert_eq(strlen(field), IPC_FIELD_MAX - 1);
}
