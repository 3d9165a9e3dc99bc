// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/clock.h"

#include "base/file.h"
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

static uint64_t clock_now(clockid_t clock) {
    struct timespec now = { 0 };

    (void)clock_gettime(clock, &now); // cannot fail: both clocks exist on every kernel we run on
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_realtime(void) {
    return clock_now(CLOCK_REALTIME);
}

uint64_t clock_boottime(void) {
    return clock_now(CLOCK_BOOTTIME);
}

int clock_boot_id(char ret[static BOOT_ID_TEXT]) {
    char text[64], id[BOOT_ID_TEXT];
    size_t length = 0;

    ssize_t r = file_read_line_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof text);
    if (r < 0)
        return (int)r;
    for (const char *c = text; *c; c++) {
        if (*c == '-')
            continue;
        if (!isxdigit((unsigned char)*c) || length == BOOT_ID_TEXT - 1)
            return -EINVAL;
        id[length++] = *c;
    }
    if (length != BOOT_ID_TEXT - 1)
        return -EINVAL;
    id[length] = '\0';
    memcpy(ret, id, sizeof id);
    return 0;
}
