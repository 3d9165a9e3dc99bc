// SPDX-License-Identifier: LGPL-2.1-or-later
// Tests with faults that a sanitizer must find and a test framework may hide: material for self-test.py, which runs
// them one by one. Each passes in the eyes of Criterion unless the process dies of it.
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

// Volatile, so that the compiler neither sees the faults nor optimises them away.
static volatile int number = INT_MAX;
static char *volatile memory;

Test(faulty, none) {
    memory = malloc(16);
    cr_assert_not_null(memory);
    memory[15] = 'x';
    free(memory);
}

Test(faulty, leak) {
    memory = malloc(16);
    cr_assert_not_null(memory);
    memory = NULL;
}

Test(faulty, overflow) {
    memory = malloc(16);
    cr_assert_not_null(memory);
    memory[number - INT_MAX + 16] = 'x';
    free(memory);
}

Test(faulty, use_after_free) {
    memory = malloc(16);
    cr_assert_not_null(memory);
    free(memory);
    cr_assert(memory[0] == 'x' || memory[0] != 'x');
}

Test(faulty, signed_overflow) {
    number = number + 1;
    cr_assert_neq(number, 0);
}

// In a child that nobody waits for: only the report tells.
Test(faulty, in_a_child) {
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        memory = malloc(16);
        free(memory);
        free(memory);
        _exit(0);
    }
    (void)sleep(1);
}
