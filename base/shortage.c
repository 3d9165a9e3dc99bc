// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/shortage.h"

#include <fcntl.h>
#include <unistd.h>

int shortage_check_descriptors(size_t n) {
    int fds[SHORTAGE_DESCRIPTORS_MAX], r = n > SHORTAGE_DESCRIPTORS_MAX ? -EINVAL : 0;
    size_t taken = 0;

    while (r >= 0 && taken < n) {
        fds[taken] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fds[taken] < 0)
            r = -errno;
        else
            taken++;
    }
    while (taken > 0)
        (void)close(fds[--taken]);
    return r;
}
