// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/terminal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80

bool terminal_coloured(void) {
    const char *terminal = getenv("TERM"), *refused = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && !(refused && refused[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

size_t terminal_columns(void) {
    struct winsize size = { 0 };

    if (!isatty(STDOUT_FILENO))
        return SIZE_MAX;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

const char *style_begin(Style style) {
    static const char *const sequences[_STYLE_LAST + 1] = {
        [STYLE_PLAIN] = "",       [STYLE_HEADING] = "\033[1m", [STYLE_FAINT] = "\033[2m",    [STYLE_GOOD] = "\033[32m",
        [STYLE_BAD] = "\033[31m", [STYLE_BUSY] = "\033[36m",   [STYLE_WARNING] = "\033[33m",
    };

    return sequences[style];
}

const char *style_end(void) {
    return "\033[0m";
}
