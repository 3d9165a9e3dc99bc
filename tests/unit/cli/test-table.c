// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/table.h"

#include "cli/memory.h"
#include "cli/text.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>

static const Column columns[] = {
    { .title = "ID", .right = true },
    { .title = "NAME", .cut = true },
    { .title = "STATUS" },
};

static void use_utf8(void) {
    cr_assert(setlocale(LC_CTYPE, "C.UTF-8"));
}

TestSuite(table, .init = use_utf8);

static void add(Table *table, const char *id, const char *name, const char *status) {
    table_add(table, memory_printf("%s", id), STYLE_PLAIN);
    table_add(table, name ? memory_printf("%s", name) : NULL, STYLE_PLAIN);
    table_add(table, memory_printf("%s", status), STYLE_GOOD);
}

static char *print(Table *table, size_t width, bool coloured) {
    size_t size;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &size);

    cr_assert(stream);
    table_print(table, stream, width, coloured);
    cr_assert_eq(fclose(stream), 0);
    return text;
}

static void expect(Table *table, size_t width, bool coloured, const char *expected) {
    AUTO_FREE char *text = print(table, width, coloured);

    cr_expect_str_eq(text, expected);
}

Test(table, aligns_and_leaves_no_blanks_at_the_end) {
    AUTO_TABLE Table *table = table_new(columns, 3);

    add(table, "1", "short", "ok");
    add(table, "100", NULL, "running");
    cr_expect_eq(table_rows(table), 2);
    expect(table, SIZE_MAX, false,
           " ID  NAME   STATUS\n"
           "  1  short  ok\n"
           "100  -      running\n");
}

Test(table, aligns_wide_characters) {
    AUTO_TABLE Table *table = table_new(columns, 3);

    add(table, "1", "日本", "ok");
    add(table, "2", "e\u0301a", "ok");
    expect(table, SIZE_MAX, false,
           "ID  NAME  STATUS\n"
           " 1  日本  ok\n"
           " 2  e\u0301a    ok\n");
}

Test(table, cuts_what_is_too_long_at_a_whole_character) {
    AUTO_TABLE Table *table = table_new(columns, 3);

    add(table, "1", "abcdefghijklmnop", "ok");
    add(table, "2", "日本日本日本日本", "ok");
    // 2 + 2 + 10 + 2 + 6 columns; the wide characters leave one of the ten free.
    expect(table, 22, false,
           "ID  NAME        STATUS\n"
           " 1  abcdefghi…  ok\n"
           " 2  日本日本…   ok\n");
}

Test(table, fits_into_every_width_down_to_the_narrowest) {
    for (size_t width = 20; width < 60; width++) {
        AUTO_TABLE Table *table = table_new(columns, 3);
        add(table, "7", "日本 a very long name with everything in it 日本", "ok");
        AUTO_FREE char *text = print(table, width, false);
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
            cr_expect_leq(text_width(line), width, "%zu: %s", width, line);
    }
}

Test(table, prints_titles_once_and_keeps_its_widths) {
    AUTO_TABLE Table *table = table_new(columns, 3);

    add(table, "1", "a long name", "ok");
    expect(table, SIZE_MAX, false, "ID  NAME         STATUS\n 1  a long name  ok\n");
    add(table, "2", "b", "ok");
    expect(table, SIZE_MAX, false, " 2  b            ok\n");
    expect(table, SIZE_MAX, false, "");
}

Test(table, prints_titles_of_an_empty_list) {
    AUTO_TABLE Table *table = table_new(columns, 3);

    expect(table, SIZE_MAX, false, "ID  NAME  STATUS\n");
}

Test(table, colours_cells_not_blanks) {
    AUTO_TABLE Table *table = table_new(columns, 3);

    add(table, "1", "a", "ok");
    expect(table, SIZE_MAX, true,
           "\033[1mID\033[0m  \033[1mNAME\033[0m  \033[1mSTATUS\033[0m\n"
           " 1  a     \033[32mok\033[0m\n");
}

static void expect_fit(const Column *fitted, const size_t natural[3], size_t available, size_t first, size_t second,
                       size_t third) {
    size_t widths[] = { natural[0], natural[1], natural[2] };

    table_fit(fitted, 3, widths, available);
    cr_expect(widths[0] == first && widths[1] == second && widths[2] == third, "%zu: %zu %zu %zu", available, widths[0],
              widths[1], widths[2]);
}

Test(table, narrows_the_widest_column_first) {
    static const Column both[] = { { .title = "A", .cut = true }, { .title = "B", .cut = true }, { .title = "C" } };
    const size_t natural[] = { 20, 10, 30 };

    expect_fit(both, natural, SIZE_MAX, 20, 10, 30);
    expect_fit(both, natural, 64, 20, 10, 30);
    expect_fit(both, natural, 60, 16, 10, 30);
    expect_fit(both, natural, 50, 8, 8, 30);
    expect_fit(both, natural, 10, 1, 1, 30);
}

Test(table, leaves_out_what_can_be_spared_before_it_cuts_too_much) {
    static const Column spared[] = { { .title = "A", .cut = true },
                                     { .title = "B", .spare = 1 },
                                     { .title = "C", .spare = 2 } };
    const size_t natural[] = { 20, 10, 30 };

    expect_fit(spared, natural, 56, 12, 10, 30);
    expect_fit(spared, natural, 55, 20, 10, TABLE_LEFT_OUT);
    expect_fit(spared, natural, 24, 12, 10, TABLE_LEFT_OUT);
    expect_fit(spared, natural, 23, 20, TABLE_LEFT_OUT, TABLE_LEFT_OUT);
    expect_fit(spared, natural, 5, 5, TABLE_LEFT_OUT, TABLE_LEFT_OUT);
}

Test(table, prints_no_trace_of_what_is_left_out) {
    static const Column spared[] = { { .title = "A" }, { .title = "B", .spare = 2 }, { .title = "C", .spare = 1 } };
    AUTO_TABLE Table *table = table_new(spared, 3);

    add(table, "one", "two", "three");
    expect(table, 10, false, "A    C\none  three\n");
    add(table, "four", "five", "six");
    expect(table, 4, false, "four\n");
}
