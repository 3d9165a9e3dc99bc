// SPDX-License-Identifier: LGPL-2.1-or-later
// Clocks, in microseconds, and the identity of this boot.
#pragma once

#include <stdint.h>

#define BOOT_ID_TEXT 33

// Since the epoch (CLOCK_REALTIME).
uint64_t clock_realtime(void);

// Since boot, counting suspend (CLOCK_BOOTTIME): the same for every process, unaffected by clock changes.
uint64_t clock_boottime(void);

// The kernel's boot id as 32 hexadecimal digits. Negative errno when /proc is not there.
int clock_boot_id(char ret[static BOOT_ID_TEXT]);
