// SPDX-License-Identifier: LGPL-2.1-or-later
// The configuration file of corrald: see corrald.conf(5), a section of corrald(8).
#pragma once

#include "agent/agent.h"

// Reads the settings of a file into config, where they replace the defaults; settings that the file does not name get
// theirs. Nothing is changed when the file is refused. Negative errno, logged.
int agent_config_read(const char *path, AgentSettings *ret);
