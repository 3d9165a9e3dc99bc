// SPDX-License-Identifier: LGPL-2.1-or-later
// What standard output is connected to, and how text may look there.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum Style {
    STYLE_PLAIN,
    STYLE_HEADING,
    STYLE_FAINT,
    STYLE_GOOD,
    STYLE_BAD,
    STYLE_BUSY,
    STYLE_WARNING,
    _STYLE_LAST = STYLE_WARNING
} Style;

// Whether standard output may be coloured: it is a terminal that is not "dumb", and NO_COLOR is not set.
bool terminal_coloured(void);

// Columns of the terminal on standard output; SIZE_MAX when it is something else: nothing is cut there.
size_t terminal_columns(void);

// The sequence that begins a style, "" for STYLE_PLAIN.
const char *style_begin(Style style);
// The sequence that ends every style.
const char *style_end(void);
