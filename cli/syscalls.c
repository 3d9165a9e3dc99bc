// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/syscalls.h"

#include <stddef.h>
#include <sys/syscall.h>

static const char *const names[] = {
#include "cli/syscall-names.inc" // made by syscall-names from <sys/syscall.h>
};

const char *syscall_name(int64_t number) {
    if (number < 0 || (uint64_t)number >= sizeof names / sizeof *names)
        return NULL;
    return names[number];
}
