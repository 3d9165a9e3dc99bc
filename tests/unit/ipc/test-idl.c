// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/idl.h"

#include "base/buffer.h"
#include "ipc/interfaces.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AUTO_INTERFACE CLEANUP(cleanup_ipc_interface_free)
#define AUTO_BUFFER CLEANUP(buffer_deinit)

static int parse(const char *text, IpcInterface **ret, char wrong[static 160]) {
    size_t size = strlen(text);
    AUTO_FREE char *copy = malloc(size + (size == 0));

    memcpy(copy, text, size);
    wrong[0] = '\0';
    return ipc_interface_parse(copy, size, ret, wrong, 160);
}

static void expect_good(const char *text) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    char wrong[160];

    cr_expect_eq(parse(text, &interface, wrong), 0, "%s: %s", text, wrong);
    if (interface)
        cr_expect_str_eq(ipc_interface_text(interface), text);
}

static void expect_bad(const char *text, const char *why) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    char wrong[160];

    cr_expect_eq(parse(text, &interface, wrong), -EBADMSG, "%s", text);
    cr_expect_str_eq(wrong, why, "%s: %s instead of %s", text, wrong, why);
    cr_expect_null(interface);
}

Test(idl, names_and_methods) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    char wrong[160];

    cr_assert_eq(parse("interface org.example.a-b\nmethod B() -> ()\nmethod A() -> ()", &interface, wrong), 0);
    cr_assert_str_eq(ipc_interface_name(interface), "org.example.a-b");
    cr_assert_str_eq(ipc_method_name(ipc_interface_method_at(interface, 0)), "B");
    cr_assert_str_eq(ipc_method_name(ipc_interface_method_at(interface, 1)), "A");
    cr_assert_null(ipc_interface_method_at(interface, 2));
    cr_assert_eq(ipc_interface_method(interface, "A"), ipc_interface_method_at(interface, 1));
    cr_assert_null(ipc_interface_method(interface, "C"));
    cr_assert_null(ipc_interface_method(interface, "org.example.a-b.A"));
}

Test(idl, accepts) {
    static const char *const texts[] = {
        "interface a.b",
        "# before\ninterface # between\n a.b # after",
        "interface a.b\n#",
        "interface A0.0--9.x",
        "interface a.b\r\ntype T ()\r\n",
        "interface a.b type T (a:bool,b:int,c:float,d:string,e:object)",
        "interface a.b type T ( a : ? []? [string] ? int )",
        "interface a.b type E (one)",
        "interface a.b type E (one, two_too, t3)",
        "interface a.b type T (type: int, method: int, error: int, interface: int, bool: bool)",
        "interface a.b type T (a: (b: (c: (one, two))))",
        "interface a.b type T (a: ?U, u: U) type U (x: ?T)",
        "interface a.b type T (a: []T, b: [string]T, c: ?T)",
        "interface a.b method M(a: (x, y)) -> (b: []())",
        "interface a.b method M()->() error E() type T()",
        "interface a.b error E(a: T) type T(a: int)",
        "interface a.b # \xc3\xa4\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_good(texts[i]);
}

Test(idl, refuses_and_tells_where) {
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "line 1, column 1: interface is expected" },
        { "\n  \n x", "line 3, column 2: interface is expected" },
        { "interfacea.b", "line 1, column 1: interface is expected" },
        { "interface", "line 1, column 1: interface is expected" },
        { "interface ", "line 1, column 11: an interface name is expected" },
        { "interface a", "line 1, column 11: an interface name has at least two parts" },
        { "interface 0.a", "line 1, column 11: an interface name is expected" },
        { "interface a.", "line 1, column 13: a part of the interface name is expected" },
        { "interface a..b", "line 1, column 13: a part of the interface name is expected" },
        { "interface a.-b", "line 1, column 13: a part of the interface name is expected" },
        { "interface a.b-", "line 1, column 14: type, method or error is expected" },
        { "interface a_b.c", "line 1, column 11: an interface name has at least two parts" },
        { "interface a.b\nx", "line 2, column 1: type, method or error is expected" },
        { "interface a.b\ntyp T ()", "line 2, column 1: type, method or error is expected" },
        { "interface a.b\ntypeT ()", "line 2, column 1: type, method or error is expected" },
        { "interface a.b\ntype t ()", "line 2, column 6: a name with a capital first is expected" },
        { "interface a.b\ntype T_T ()", "line 2, column 7: an opening parenthesis is expected" },
        { "interface a.b\ntype T", "line 2, column 7: an opening parenthesis is expected" },
        { "interface a.b\ntype T int", "line 2, column 8: an opening parenthesis is expected" },
        { "interface a.b\ntype T (", "line 2, column 9: a field name is expected" },
        { "interface a.b\ntype T (,)", "line 2, column 9: a field name is expected" },
        { "interface a.b\ntype T (a", "line 2, column 10: a comma or a closing parenthesis is expected" },
        { "interface a.b\ntype T (a,)", "line 2, column 11: a field name is expected" },
        { "interface a.b\ntype T (a:)", "line 2, column 11: a type is expected" },
        { "interface a.b\ntype T (a: int b: int)", "line 2, column 16: a comma or a closing parenthesis is expected" },
        { "interface a.b\ntype T (a: int, b)", "line 2, column 18: a field has a type" },
        { "interface a.b\ntype T (a, b: int)", "line 2, column 13: a member of an enum has no type" },
        { "interface a.b\ntype T (a: int, a: int)", "line 2, column 17: this name is used twice" },
        { "interface a.b\ntype T (a, b, a)", "line 2, column 15: this name is used twice" },
        { "interface a.b\ntype T (_a: int)", "line 2, column 9: a field name is expected" },
        { "interface a.b\ntype T (0: int)", "line 2, column 9: a field name is expected" },
        { "interface a.b\ntype T (a_: int)", "line 2, column 10: a comma or a closing parenthesis is expected" },
        { "interface a.b\ntype T (a__b: int)", "line 2, column 10: a comma or a closing parenthesis is expected" },
        { "interface a.b\ntype T (a: integer)", "line 2, column 12: a type is expected" },
        { "interface a.b\ntype T (a: ??int)", "line 2, column 13: a type is expected" },
        { "interface a.b\ntype T (a: [int]int)", "line 2, column 12: a type is expected" },
        { "interface a.b\ntype T (a: [string])", "line 2, column 20: a type is expected" },
        { "interface a.b\ntype T (a: [])", "line 2, column 14: a type is expected" },
        { "interface a.b\ntype T (a: U)", "line 2, column 12: this type is not known" },
        { "interface a.b\nmethod M() -> (a: ?[][string]U)", "line 2, column 30: this type is not known" },
        { "interface a.b\nerror E(a: (b: U))", "line 2, column 16: this type is not known" },
        { "interface a.b\nmethod M(a: M) -> ()", "line 2, column 13: this type is not known" },
        { "interface a.b\ntype T (a: T)", "line 2, column 12: this type contains itself" },
        { "interface a.b\ntype T (a: U)\ntype U (b: (c: T))", "line 3, column 16: this type contains itself" },
        { "interface a.b\nmethod M()", "line 2, column 11: an arrow is expected" },
        { "interface a.b\nmethod M() ->", "line 2, column 14: an opening parenthesis is expected" },
        { "interface a.b\nmethod M() - > ()", "line 2, column 12: an arrow is expected" },
        { "interface a.b\nmethod M(a, b) -> ()", "line 2, column 9: a struct is expected" },
        { "interface a.b\nmethod M() -> (a)", "line 2, column 15: a struct is expected" },
        { "interface a.b\nmethod M() -> string", "line 2, column 15: an opening parenthesis is expected" },
        { "interface a.b\nerror E", "line 2, column 8: an opening parenthesis is expected" },
        { "interface a.b\nerror E (a, b)", "line 2, column 9: a struct is expected" },
        { "interface a.b\ntype T ()\ntype T ()", "line 3, column 6: this name is used twice" },
        { "interface a.b\ntype T ()\nmethod T() -> ()", "line 3, column 8: this name is used twice" },
        { "interface a.b\nmethod T() -> ()\nerror T ()", "line 3, column 7: this name is used twice" },
        { "interface a.b\nerror T ()\ntype T ()", "line 3, column 6: this name is used twice" },
        { "interface a.b\ntype T () x", "line 2, column 11: type, method or error is expected" },
        { "interface a.b\n# \xff", "line 2, column 3: not UTF-8 text" },
        { "interface a.b\ntype \xc3\xa4 ()", "line 2, column 6: a name with a capital first is expected" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_bad(cases[i].text, cases[i].why);
}

Test(idl, a_nul_is_no_text) {
    static const char text[] = "interface a.b\n\0type T ()";
    IpcInterface *interface;
    char wrong[160];

    cr_assert_eq(ipc_interface_parse(text, sizeof text - 1, &interface, wrong, sizeof wrong), -EBADMSG);
    cr_assert_str_eq(wrong, "line 2, column 1: not UTF-8 text");
    // Nobody has to listen.
    cr_assert_eq(ipc_interface_parse(text, sizeof text - 1, &interface, NULL, 0), -EBADMSG);
}

// depth arrays around an int.
static int parse_arrays(size_t depth) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    AUTO_BUFFER Buffer text = BUFFER_NULL;

    cr_assert_eq(buffer_printf(&text, "interface a.b\ntype T (a: "), 0);
    for (size_t i = 0; i < depth; i++)
        cr_assert_eq(buffer_printf(&text, "[]"), 0);
    cr_assert_eq(buffer_printf(&text, "int)"), 0);
    return ipc_interface_parse((const char *)buffer_bytes(&text), buffer_size(&text), &interface, NULL, 0);
}

// T0 holds T1 twice, that T2 twice, and so on; told from the first to the last, or from the last to the first.
static int parse_chain(size_t length, bool backwards) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    AUTO_BUFFER Buffer text = BUFFER_NULL;

    cr_assert_eq(buffer_printf(&text, "interface a.b\ntype T%zu (a: int)\n", length - 1), 0);
    for (size_t i = 0; i + 1 < length; i++) {
        size_t n = backwards ? length - 2 - i : i;
        cr_assert_eq(buffer_printf(&text, "type T%zu (a: T%zu, b: T%zu)\n", n, n + 1, n + 1), 0);
    }
    return ipc_interface_parse((const char *)buffer_bytes(&text), buffer_size(&text), &interface, NULL, 0);
}

Test(idl, bounds_the_depth) {
    cr_assert_eq(parse_arrays(30), 0);
    cr_assert_eq(parse_arrays(31), -EBADMSG);
    cr_assert_eq(parse_arrays(1000000), -EBADMSG);
    for (int backwards = 0; backwards <= 1; backwards++) {
        cr_assert_eq(parse_chain(32, backwards), 0);
        cr_assert_eq(parse_chain(33, backwards), -EBADMSG);
        cr_assert_eq(parse_chain(1000, backwards), -EBADMSG);
    }
}

static int parse_many(size_t fields, size_t types) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    AUTO_BUFFER Buffer text = BUFFER_NULL;

    cr_assert_eq(buffer_printf(&text, "interface a.b\ntype T (a"), 0);
    for (size_t i = 1; i < fields; i++)
        cr_assert_eq(buffer_printf(&text, ",a%zu", i), 0);
    cr_assert_eq(buffer_printf(&text, ")\n"), 0);
    for (size_t i = 1; i < types; i++)
        cr_assert_eq(buffer_printf(&text, "type T%zu ()\n", i), 0);
    return ipc_interface_parse((const char *)buffer_bytes(&text), buffer_size(&text), &interface, NULL, 0);
}

Test(idl, bounds_the_numbers) {
    cr_assert_eq(parse_many(1024, 1024), 0);
    cr_assert_eq(parse_many(1025, 1), -EBADMSG);
    cr_assert_eq(parse_many(1, 1025), -EBADMSG);
}

Test(idl, the_interfaces_built_in_are_the_files) {
    static const struct {
        const char *path, *text, *name;
    } cases[] = {
        { INTERFACE_DIR "/io.corral.Jobs.varlink", ipc_interface_text_io_corral_jobs, "io.corral.Jobs" },
        { INTERFACE_DIR "/org.varlink.service.varlink", ipc_interface_text_org_varlink_service, "org.varlink.service" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO_INTERFACE IpcInterface *interface = NULL;
        char wrong[160], file[65536];
        FILE *stream = fopen(cases[i].path, "re");
        cr_assert_not_null(stream);
        size_t size = fread(file, 1, sizeof file - 1, stream);
        fclose(stream);
        file[size] = '\0';
        cr_assert_str_eq(cases[i].text, file);
        cr_assert_eq(parse(cases[i].text, &interface, wrong), 0, "%s", wrong);
        cr_assert_str_eq(ipc_interface_name(interface), cases[i].name);
    }
}
