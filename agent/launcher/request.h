// SPDX-License-Identifier: LGPL-2.1-or-later
// A LAUNCH packet, checked to the byte and taken apart. Pure.
#pragma once

#include "agent/launcher/protocol.h"

#include <stddef.h>

// Everything points into the packet, which has to stay as long as this is used.
typedef struct Launch {
    const LaunchRequest *request;
    const uint32_t *groups;                        // ascending
    char *arguments[LAUNCH_ARGUMENTS_MAX + 1];     // ends with NULL, as execve(2) wants it
    char *environment[LAUNCH_ENVIRONMENT_MAX + 1]; // the same
    const char *directory;
    const char *input, *output, *error; // paths of the standard streams, may be empty
} Launch;

// packet must be aligned as LaunchRequest is. -EBADMSG when it is not exactly one well-formed request; ret is untouched
// then. The groups are put in order inside the packet.
int launch_parse(char *packet, size_t size, Launch *ret);
