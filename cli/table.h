// SPDX-License-Identifier: LGPL-2.1-or-later
// Rows of text in aligned columns.
#pragma once

#include "base/cleanup.h"
#include "cli/terminal.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct Column {
    const char *title; // NULL in all columns: no line of titles
    bool right;        // numbers
    bool cut;          // may lose its end, marked with an ellipsis, when the line is too long
} Column;

typedef struct Table Table;

// columns are borrowed for the table's life.
Table *table_new(const Column *columns, size_t n_columns);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table, table_free)
#define AUTO_TABLE CLEANUP(cleanup_table_free)

// Adds the next cell; a row is whole when each column has one. text is escaped, and taken; NULL shows as "-".
void table_add(Table *table, char *text, Style style);

// Prints the whole rows and forgets them, so that a long list can come in pieces: columns stay as wide as they were.
// The titles come with the first piece, even an empty one.
void table_print(Table *table, FILE *stream, size_t columns, bool coloured);

size_t table_rows(const Table *table);

// Narrows widths of columns that may be cut, the widest first, until all fit in the columns there are or none can be
// narrowed any more.
void table_fit(const Column *columns, size_t n_columns, size_t widths[], size_t available);
