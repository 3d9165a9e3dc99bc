// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/base64.h"

#include <errno.h>
#include <string.h>

#define INVALID 64

static uint32_t digit(char character) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = character ? strchr(alphabet, character) : NULL;

    return found ? (uint32_t)(found - alphabet) : INVALID;
}

// Decodes four characters to up to three bytes. padding: how many of the last characters are "=".
static int decode_group(const char text[static 4], size_t padding, uint8_t ret[static 3]) {
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        uint32_t value = i < 4 - padding ? digit(text[i]) : 0;
        if (value == INVALID)
            return -EBADMSG;
        bits = bits << 6 | value;
    }
    if ((padding == 1 && bits & 0xff) || (padding == 2 && bits & 0xffff))
        return -EBADMSG;
    ret[0] = (uint8_t)(bits >> 16);
    ret[1] = (uint8_t)(bits >> 8);
    ret[2] = (uint8_t)bits;
    return 0;
}

int base64_decode(const char *text, size_t size, Buffer *buffer) {
    size_t padding = 0, groups = size / 4, decoded = 0;

    if (size % 4 != 0)
        return -EBADMSG;
    if (size == 0)
        return 0;
    while (padding < 2 && text[size - 1 - padding] == '=')
        padding++;
    uint8_t *bytes = buffer_reserve(buffer, groups * 3);
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < groups; i++) {
        size_t missing = i + 1 < groups ? 0 : padding;
        if (decode_group(text + 4 * i, missing, bytes + 3 * i) < 0)
            return -EBADMSG;
        decoded += 3 - missing;
    }
    buffer->end += decoded;
    return 0;
}
