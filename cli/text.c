// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text.h"

#include "base/utf8.h"
#include "cli/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

static bool is_harmful(uint32_t character) {
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||       // C0, DEL, C1
           (character >= 0x2028 && character <= 0x202e) ||                      // separators, direction
           (character >= 0x2066 && character <= 0x2069) || character == 0xfeff; // direction, invisible
}

static void append(Buffer *buffer, const char *text, size_t size) {
    memory_require(buffer_append(buffer, text, size) == 0);
}

static void append_escape(Buffer *buffer, const char *bytes, size_t size) {
    switch (bytes[0]) {
    case '\n':
        append(buffer, "\\n", 2);
        return;
    case '\r':
        append(buffer, "\\r", 2);
        return;
    case '\t':
        append(buffer, "\\t", 2);
        return;
    default:
        for (size_t i = 0; i < size; i++)
            memory_require(buffer_printf(buffer, "\\x%02x", (unsigned char)bytes[i]) == 0);
    }
}

void text_escape(Buffer *buffer, const char *text, size_t size, const char *keep) {
    for (size_t at = 0; at < size;) {
        uint32_t character = 0;
        ssize_t n = utf8_decode(text + at, size - at, &character);
        size_t length = n > 0 ? (size_t)n : 1;
        bool kept = n > 0 && (!is_harmful(character) || (n == 1 && character != 0 && strchr(keep, (int)character)));

        if (kept)
            append(buffer, text + at, length);
        else
            append_escape(buffer, text + at, length);
        at += length;
    }
}

char *text_escaped(const char *text) {
    Buffer buffer = BUFFER_NULL;

    text_escape(&buffer, text, strlen(text), "");
    return memory_text(&buffer);
}

size_t text_incomplete(const char *text, size_t size) {
    size_t back = 1;

    while (back < size && back < 4 && ((uint8_t)text[size - back] & 0xc0) == 0x80)
        back++;
    if (back > size)
        return 0;
    uint8_t lead = (uint8_t)text[size - back];
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return wanted > back ? back : 0;
}

// Decodes one character of escaped text and tells its columns.
static size_t next_character(const char *text, size_t *ret_width) {
    uint32_t character;
    ssize_t n = utf8_decode(text, strlen(text), &character);
    int width = n > 0 ? wcwidth((wchar_t)character) : 1;

    *ret_width = width < 0 ? 1 : (size_t)width; // unknown to this locale: a guess
    return n > 0 ? (size_t)n : 1;
}

size_t text_width(const char *text) {
    size_t total = 0, width;

    while (*text) {
        text += next_character(text, &width);
        total += width;
    }
    return total;
}

size_t text_fit(const char *text, size_t width) {
    size_t length = 0, used = 0, columns;

    while (text[length]) {
        size_t n = next_character(text + length, &columns);
        if (used + columns > width)
            break;
        used += columns;
        length += n;
    }
    return length;
}

static bool needs_quotes(const char *word) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";

    return word[0] == '\0' || word[strspn(word, plain)] != '\0';
}

static void append_quoted(Buffer *buffer, const char *word) {
    append(buffer, "'", 1);
    for (; *word; word++)
        if (*word == '\'')
            append(buffer, "'\\''", 4);
        else
            append(buffer, word, 1);
    append(buffer, "'", 1);
}

char *text_quoted(const char *const *words, size_t n) {
    Buffer buffer = BUFFER_NULL;

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            append(&buffer, " ", 1);
        if (needs_quotes(words[i]))
            append_quoted(&buffer, words[i]);
        else
            append(&buffer, words[i], strlen(words[i]));
    }
    return memory_text(&buffer);
}
