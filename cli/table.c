// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/table.h"

#include "cli/memory.h"
#include "cli/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2
#define READABLE 12 // a column that is cut to this is of use still
#define ELLIPSIS "\u2026"

typedef struct Cell {
    char *text;
    Style style;
} Cell;

struct Table {
    const Column *columns;
    size_t n_columns;
    size_t *widths; // grown to what was seen so far
    Cell *cells;    // row by row
    size_t n_cells, n_allocated;
    bool titled;
};

Table *table_new(const Column *columns, size_t n_columns) {
    Table *table = memory_new(1, sizeof *table);

    table->columns = columns;
    table->n_columns = n_columns;
    table->widths = memory_new(n_columns, sizeof *table->widths);
    for (size_t i = 0; i < n_columns; i++)
        table->widths[i] = text_width(columns[i].title);
    return table;
}

static void forget_rows(Table *table) {
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    table->n_cells = 0;
}

Table *table_free(Table *table) {
    if (!table)
        return NULL;
    forget_rows(table);
    free(table->cells);
    free(table->widths);
    free(table);
    return NULL;
}

void table_add(Table *table, char *text, Style style) {
    size_t column = table->n_cells % table->n_columns;

    if (table->n_cells == table->n_allocated) {
        table->n_allocated = table->n_allocated ? 2 * table->n_allocated : 16 * table->n_columns;
        Cell *cells = reallocarray(table->cells, table->n_allocated, sizeof *cells);
        memory_require(cells != NULL);
        table->cells = cells;
    }
    if (!text)
        text = memory_printf("-");
    size_t width = text_width(text);
    if (width > table->widths[column])
        table->widths[column] = width;
    table->cells[table->n_cells++] = (Cell){ .text = text, .style = style };
}

size_t table_rows(const Table *table) {
    return table->n_cells / table->n_columns;
}

static size_t total_width(size_t n_columns, const size_t widths[]) {
    size_t total = 0;

    for (size_t i = 0; i < n_columns; i++)
        if (widths[i] != TABLE_LEFT_OUT)
            total += widths[i] + (total > 0 ? GAP : 0);
    return total;
}

// Takes one column after another from the widest that may be cut. Returns whether all fit then.
static bool narrow(const Column *columns, size_t n_columns, size_t widths[], size_t available, size_t narrowest) {
    for (size_t total = total_width(n_columns, widths); total > available; total--) {
        size_t *widest = NULL;
        for (size_t i = 0; i < n_columns; i++)
            if (columns[i].cut && widths[i] != TABLE_LEFT_OUT && widths[i] > narrowest &&
                (!widest || widths[i] > *widest))
                widest = &widths[i];
        if (!widest)
            return false;
        (*widest)--;
    }
    return true;
}

static bool leave_one_out(const Column *columns, size_t n_columns, size_t widths[]) {
    size_t least = n_columns;

    for (size_t i = 0; i < n_columns; i++)
        if (columns[i].spare > 0 && widths[i] != TABLE_LEFT_OUT &&
            (least == n_columns || columns[i].spare > columns[least].spare))
            least = i;
    if (least == n_columns)
        return false;
    widths[least] = TABLE_LEFT_OUT;
    return true;
}

void table_fit(const Column *columns, size_t n_columns, size_t widths[], size_t available) {
    size_t *tried = memory_new(n_columns, sizeof *tried);
    bool fits;

    do {
        memcpy(tried, widths, n_columns * sizeof *tried);
        fits = narrow(columns, n_columns, tried, available, READABLE);
    } while (!fits && leave_one_out(columns, n_columns, widths));
    if (!fits)
        (void)narrow(columns, n_columns, tried, available, 1);
    memcpy(widths, tried, n_columns * sizeof *tried);
    free(tried);
}

static void print_blanks(FILE *stream, size_t n) {
    for (; n > 0; n--)
        fputc(' ', stream);
}

// Prints text in a column; the last one of a line is not filled up.
static void print_cell(FILE *stream, const char *text, const char *begin, const Column *column, size_t width,
                       bool last) {
    size_t needed = text_width(text);
    bool cut = column->cut && needed > width;
    size_t length = cut ? text_fit(text, width - 1) : strlen(text);
    size_t used = needed;

    if (cut) {
        char *shown = strndup(text, length);
        memory_require(shown != NULL);
        used = text_width(shown) + 1;
        free(shown);
    }
    size_t blanks = width > used ? width - used : 0;
    if (column->right)
        print_blanks(stream, blanks);
    fprintf(stream, "%s%.*s%s%s", begin, (int)length, text, cut ? ELLIPSIS : "", begin[0] ? style_end() : "");
    if (!column->right && !last)
        print_blanks(stream, blanks);
    if (!last)
        print_blanks(stream, GAP);
}

static void print_line(const Table *table, const Cell *cells, const size_t widths[], FILE *stream, bool coloured) {
    size_t last = table->n_columns - 1;

    while (last > 0 && widths[last] == TABLE_LEFT_OUT)
        last--;
    for (size_t i = 0; i <= last; i++) {
        const char *text = cells ? cells[i].text : table->columns[i].title;
        Style style = cells ? cells[i].style : STYLE_HEADING;
        if (widths[i] != TABLE_LEFT_OUT)
            print_cell(stream, text, coloured ? style_begin(style) : "", &table->columns[i], widths[i], i == last);
    }
    fputc('\n', stream);
}

void table_print(Table *table, FILE *stream, size_t columns, bool coloured) {
    size_t *widths = memory_new(table->n_columns, sizeof *widths);

    memcpy(widths, table->widths, table->n_columns * sizeof *widths);
    table_fit(table->columns, table->n_columns, widths, columns);
    if (!table->titled)
        print_line(table, NULL, widths, stream, coloured);
    table->titled = true;
    for (size_t row = 0; row < table_rows(table); row++)
        print_line(table, &table->cells[row * table->n_columns], widths, stream, coloured);
    forget_rows(table);
    free(widths);
}
