// SPDX-License-Identifier: LGPL-2.1-or-later
// The raw limit: what the kernel alone needs for what Corral does. Times in microseconds.
#pragma once

#include <stddef.h>
#include <stdint.h>

// mkdir, clone into the cgroup, exec true, wait, rmdir: n times, one after another. The time for all.
uint64_t raw_run(int parent_fd, size_t n);

// Freeze, kill, empty of a cgroup with n sleeping processes.
uint64_t raw_cancel(int parent_fd, size_t n);

// The program that a task of n sleeping processes is: n - 1 children and itself, until killed.
_Noreturn void become_sleepers(size_t n);

uint64_t bench_now(void);

// Prints what failed and exits.
_Noreturn void bench_die(const char *what);
