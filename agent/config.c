// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/config.h"

#include "base/config.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int set_admin_group(const char *value, void *target) {
    AgentSettings *settings = target;

    if (strlen(value) >= sizeof settings->admin_group)
        return -ENAMETOOLONG;
    strcpy(settings->admin_group, value);
    return 0;
}

static int set_log_level(const char *value, void *target) {
    AgentSettings *settings = target;

    return log_level_from_name(value, &settings->log_level);
}

static const ConfigSetting rows[] = {
    { "AdminGroup", set_admin_group, "the name of a group" },
    { "LogLevel", set_log_level, "error, warning, notice, info or debug" },
};

int agent_config_read(const char *path, AgentSettings *ret) {
    AgentSettings settings = AGENT_SETTINGS_DEFAULT;

    int r = config_read(path, rows, sizeof rows / sizeof *rows, &settings);
    if (r >= 0)
        *ret = settings;
    return r;
}
