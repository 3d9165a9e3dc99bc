// SPDX-License-Identifier: LGPL-2.1-or-later
// What sd_notify(3) does, for programs that do not link libsystemd.
#pragma once

// Tells the service manager, if there is one that wants to know: lines such as "READY=1". Failures are ignored: it
// finds out by itself what it needs to know.
void notify(const char *state);
