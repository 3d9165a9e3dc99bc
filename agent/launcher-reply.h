// SPDX-License-Identifier: LGPL-2.1-or-later
// A message of the launcher, checked to the byte and taken apart. Pure. The launcher holds more privileges than the
// agent, and is believed no more for it.
#pragma once

#include "agent/launcher/protocol.h"

#include <stddef.h>

typedef struct LauncherReply {
    // Of the verb of the message; the others are NULL. All point into it.
    const LauncherWelcome *welcome;
    const InspectReply *inspect;
    const InspectedProcess *processes; // inspect->n of them
    const ProbeReply *probe;
} LauncherReply;

// message must be aligned as uint64_t is. -EPROTO when it is of another version, -EBADMSG when it is not exactly one
// answer; ret is untouched then.
int launcher_reply_parse(const void *message, size_t size, LauncherReply *ret);
