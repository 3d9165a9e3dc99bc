// SPDX-License-Identifier: LGPL-2.1-or-later
// A line is made in fixed buffers and leaves in one write(2), so that lines of several processes do not mix and
// logging needs no memory.
#include "base/log.h"

#include "base/file.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TEXT_MAX 2048
#define LOG_ERROR_MAX 128 // room that the text leaves for the name of an error
#define LOG_LINE_MAX 4096 // PIPE_BUF: larger writes to a pipe are not atomic

static int log_level = LOG_INFO;
static const char *log_name;

void log_set_level(int priority) {
    log_level = priority;
}

int log_level_from_name(const char *name, int *ret) {
    static const char *const names[] = {
        [LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
    };

    for (int level = LOG_ERR; level <= LOG_DEBUG; level++)
        if (strcasecmp(name, names[level]) == 0) {
            *ret = level;
            return 0;
        }
    return -EINVAL;
}

void log_set_name(const char *name) {
    log_name = name;
}

bool log_is_wanted(int priority) {
    return LOG_PRI(priority) <= log_level;
}

// Whether standard error is the stream that the service manager connected to the journal (systemd.exec(5)).
bool log_to_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];

    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

static bool is_control(uint32_t character) {
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

// Copies text to line, control characters and what is not UTF-8 as \xNN. Returns the length; cuts at a character that
// does not fit into size.
static size_t escape(char *line, size_t size, const char *text, size_t text_length) {
    static const char digits[] = "0123456789abcdef";
    size_t length = 0;

    for (size_t at = 0; at < text_length;) {
        uint32_t character = 0;
        ssize_t n = utf8_decode(text + at, text_length - at, &character);
        bool plain = n > 0 && !is_control(character);
        size_t n_bytes = n > 0 ? (size_t)n : 1;

        if ((plain ? n_bytes : 4 * n_bytes) > size - length)
            break;
        for (size_t i = 0; i < n_bytes; i++) {
            uint8_t byte = (uint8_t)text[at + i];
            if (plain) {
                line[length++] = (char)byte;
                continue;
            }
            line[length++] = '\\';
            line[length++] = 'x';
            line[length++] = digits[byte >> 4];
            line[length++] = digits[byte & 0x0f];
        }
        at += n_bytes;
    }
    return length;
}

static void log_write(int priority, const char *text, size_t text_length) {
    char line[LOG_LINE_MAX];
    int prefix = 0;

    if (log_to_journal())
        prefix = snprintf(line, 8, "<%d>", LOG_PRI(priority));
    else if (log_name)
        prefix = snprintf(line, 64, "%.60s: ", log_name);
    size_t length = (size_t)prefix;
    length += escape(line + length, sizeof line - length - 1, text, text_length);
    line[length++] = '\n';
    (void)file_write_all(STDERR_FILENO, line, length); // nowhere left to complain
}

__attribute__((format(printf, 2, 0))) static void log_format(int priority, const char *format, va_list arguments) {
    static const char cut[] = "...";
    char text[LOG_TEXT_MAX];

    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        length = snprintf(text, sizeof text, "unprintable log line: %s", format);
    if ((size_t)length >= sizeof text) {
        length = sizeof text - 1;
        memcpy(text + sizeof text - sizeof cut, cut, sizeof cut);
    }
    log_write(priority, text, (size_t)length);
}

void log_line(int priority, const char *format, ...) {
    int saved_errno = errno;
    va_list arguments;

    if (!log_is_wanted(priority))
        return;
    va_start(arguments, format);
    log_format(priority, format, arguments);
    va_end(arguments);
    errno = saved_errno;
}

int log_errno(int priority, int error, const char *format, ...) {
    int saved_errno = errno;
    char text[LOG_TEXT_MAX - LOG_ERROR_MAX];
    va_list arguments;

    if (!log_is_wanted(priority))
        return error;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    errno = -error;
    log_line(priority, "%s: %m", text);
    errno = saved_errno;
    return error;
}
