// SPDX-License-Identifier: LGPL-2.1-or-later
// Ownership as grammar: locals that clean up after themselves, and transfers that say so.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

// Hands ownership of a pointer or descriptor on and empties the variable.
#define TAKE_PTR(pointer)                                                                                              \
    ({                                                                                                                 \
        __typeof__(pointer) taken_ = (pointer);                                                                        \
        (pointer) = NULL;                                                                                              \
        taken_;                                                                                                        \
    })
#define TAKE_FD(fd)                                                                                                    \
    ({                                                                                                                 \
        int taken_ = (fd);                                                                                             \
        (fd) = -1;                                                                                                     \
        taken_;                                                                                                        \
    })

static inline void cleanup_free(void *pointer) {
    free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
}

// Closes fd unless it is negative; always returns -1, to be assigned to the variable that held it.
static inline int close_fd(int fd) {
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_CLOSE CLEANUP(cleanup_close)

// Defines cleanup_<name> for locals of a type whose destructor takes and returns a pointer.
#define DEFINE_CLEANUP(type, destructor)                                                                               \
    static inline void cleanup_##destructor(type *const *object) {                                                     \
        if (*object)                                                                                                   \
            destructor(*object);                                                                                       \
    }
