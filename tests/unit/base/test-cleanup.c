// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

typedef struct Thing {
    int freed;
} Thing;

static Thing *thing_free(Thing *thing) {
    thing->freed++;
    return NULL;
}
DEFINE_CLEANUP(Thing, thing_free)
#define AUTO_THING CLEANUP(cleanup_thing_free)

static int open_null(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    return fd;
}

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

Test(cleanup, close_happens_at_the_end_of_the_scope) {
    int number;

    {
        AUTO_CLOSE int fd = open_null();
        number = fd;
        cr_assert(is_open(number));
    }
    cr_assert_not(is_open(number));
}

Test(cleanup, an_empty_descriptor_is_left_alone) {
    int zero_open = is_open(0);

    {
        AUTO_CLOSE int fd = -1;
        (void)fd;
    }
    cr_assert_eq(is_open(0), zero_open);
    cr_assert_eq(close_fd(-1), -1);
}

Test(cleanup, take_fd_moves_the_descriptor_out) {
    int taken;

    {
        AUTO_CLOSE int fd = open_null();
        taken = TAKE_FD(fd);
        cr_assert_eq(fd, -1);
    }
    cr_assert(is_open(taken));
    cr_assert_eq(close_fd(taken), -1);
    cr_assert_not(is_open(taken));
}

Test(cleanup, take_ptr_moves_the_pointer_out) {
    char *taken;

    {
        AUTO_FREE char *text = strdup("kept");
        taken = TAKE_PTR(text);
        cr_assert_null(text);
    }
    cr_assert_str_eq(taken, "kept");
    free(taken);
}

Test(cleanup, an_object_is_freed_once_and_null_never) {
    Thing thing = { 0 };

    {
        AUTO_THING Thing *local = &thing;
        AUTO_THING Thing *none = NULL;
        cr_assert_eq(local->freed, 0);
        cr_assert_null(none);
    }
    cr_assert_eq(thing.freed, 1);
}
