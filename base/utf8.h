// SPDX-License-Identifier: LGPL-2.1-or-later
// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <stddef.h>

// Counts the Unicode scalar values in size bytes of text. -EILSEQ when it is not valid UTF-8.
int utf8_count(const char *text, size_t size, size_t *ret_characters);
