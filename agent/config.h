// SPDX-License-Identifier: LGPL-2.1-or-later
// The configuration file of corrald: lines "Name=value", "#" begins a comment line.
#pragma once

#include "agent/agent.h"

// Reads the file into config; the strings live as long as the process. An unknown name, a file that others than root
// and we can write, or a malformed line is refused with a log line that names it. Negative errno.
int config_read(const char *path, AgentConfig *config);
