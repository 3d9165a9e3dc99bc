// SPDX-License-Identifier: LGPL-2.1-or-later
// Configuration files: lines "Name=value"; a line that begins with "#" is a comment.
#pragma once

#include <stddef.h>

typedef struct ConfigSetting {
    const char *name; // compared without regard to case
    // Takes value over into target; negative errno when it makes no sense.
    int (*set)(const char *value, void *target);
    const char *expected; // what values make sense, for people
} ConfigSetting;

// Reads a file. One that others than root and we may write is refused, and so is an unknown name or a value that makes
// no sense, each with a log line that names it; what was set before stays set then. Negative errno.
int config_read(const char *path, const ConfigSetting *settings, size_t n, void *target);

// For settings that are yes or no. -EINVAL.
int config_parse_switch(const char *value, int *ret);
