// SPDX-License-Identifier: LGPL-2.1-or-later
// Text that may be longer than a line: on a terminal it goes on in the next one, so that nothing of it is lost.
#pragma once

#include <stddef.h>
#include <stdio.h>

// Prints escaped text that begins in a column, in lines of at most columns (SIZE_MAX: one line), broken at spaces where
// there are any; all but the first begin with indent blanks. Ends without a newline.
void wrap_print(FILE *stream, const char *text, size_t column, size_t indent, size_t columns);
