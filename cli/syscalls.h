// SPDX-License-Identifier: LGPL-2.1-or-later
// Names of system calls, as the kernel headers of the build machine know them.
#pragma once

#include <stdint.h>

// NULL when the number is not known.
const char *syscall_name(int64_t number);
