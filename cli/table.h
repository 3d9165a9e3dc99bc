// SPDX-License-Identifier: LGPL-2.1-or-later
// Rows of text in aligned columns.
#pragma once

#include "base/cleanup.h"
#include "cli/terminal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Column {
    const char *title;
    bool right;     // numbers
    bool cut;       // may lose its end, marked with an ellipsis, when the line is too long
    unsigned spare; // may be left out when that is not enough, those with the greatest number first; 0: never
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

// Makes widths fit into the columns there are: narrows columns that may be cut, the widest first, as far as they stay
// readable; then leaves out columns that can be spared (TABLE_LEFT_OUT); then narrows on. Others stay as they are.
void table_fit(const Column *columns, size_t n_columns, size_t widths[], size_t available);
#define TABLE_LEFT_OUT SIZE_MAX
