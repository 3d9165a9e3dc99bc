// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/utf8.h"

#include <errno.h>

// The length that a first byte announces, with the payload bits it carries; 0 for a byte that starts no character.
static size_t decode_first(uint8_t byte, uint32_t *ret_bits) {
    if (byte < 0x80) {
        *ret_bits = byte;
        return 1;
    }
    if (byte >= 0xc0 && byte < 0xe0) {
        *ret_bits = byte & 0x1f;
        return 2;
    }
    if (byte >= 0xe0 && byte < 0xf0) {
        *ret_bits = byte & 0x0f;
        return 3;
    }
    if (byte >= 0xf0 && byte < 0xf8) {
        *ret_bits = byte & 0x07;
        return 4;
    }
    return 0;
}

ssize_t utf8_decode(const char *text, size_t size, uint32_t *ret_character) {
    // The least character that needs as many bytes: a smaller one in that length is an overlong form.
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t character = 0;

    if (size == 0)
        return -EILSEQ;
    size_t length = decode_first((uint8_t)text[0], &character);
    if (length == 0 || length > size)
        return -EILSEQ;
    for (size_t i = 1; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        if ((byte & 0xc0) != 0x80)
            return -EILSEQ;
        character = character << 6 | (byte & 0x3f);
    }
    if (character < least[length] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return -EILSEQ;
    *ret_character = character;
    return (ssize_t)length;
}

int utf8_count(const char *text, size_t size, size_t *ret_characters) {
    size_t characters = 0;

    for (size_t at = 0; at < size; characters++) {
        uint32_t character;
        ssize_t length = utf8_decode(text + at, size - at, &character);
        if (length < 0)
            return (int)length;
        at += (size_t)length;
    }
    *ret_characters = characters;
    return 0;
}
