// SPDX-License-Identifier: LGPL-2.1-or-later
// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Decodes the first character of size bytes of text. Returns its length in bytes (1 to 4), -EILSEQ when the text does
// not start with a whole valid character, which includes the empty text.
ssize_t utf8_decode(const char *text, size_t size, uint32_t *ret_character);

// Counts the Unicode scalar values in size bytes of text. -EILSEQ when it is not valid UTF-8.
int utf8_count(const char *text, size_t size, size_t *ret_characters);
