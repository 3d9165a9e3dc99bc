// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/config.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_admin_group(const char *value, AgentConfig *config) {
    static char name[256]; // lives as long as the process

    if (strlen(value) >= sizeof name)
        return -ENAMETOOLONG;
    strcpy(name, value);
    config->admin_group = name[0] ? name : NULL;
    return 0;
}

static int set_log_level(const char *value, AgentConfig *config) {
    static const char *const levels[] = {
        [LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
    };

    (void)config;
    for (int level = LOG_ERR; level <= LOG_DEBUG; level++)
        if (strcasecmp(value, levels[level]) == 0) {
            log_set_level(level);
            return 0;
        }
    return -EINVAL;
}

static const struct {
    const char *name;
    int (*set)(const char *value, AgentConfig *config);
} settings[] = {
    { "AdminGroup", set_admin_group },
    { "LogLevel", set_log_level },
};

static int read_line(char *line, AgentConfig *config) {
    line[strcspn(line, "\n")] = '\0';
    line += strspn(line, " \t");
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    char *value = strchr(line, '=');
    if (!value)
        return -EINVAL;
    *value++ = '\0';
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcasecmp(line, settings[i].name) == 0)
            return settings[i].set(value, config);
    return -ENOENT;
}

int config_read(const char *path, AgentConfig *config) {
    char line[1024];
    struct stat status;
    int r = 0;

    FILE *file = fopen(path, "re");
    if (!file)
        return log_errno(LOG_ERR, -errno, "cannot read %s", path);
    if (fstat(fileno(file), &status) < 0)
        r = -errno;
    else if ((status.st_uid != 0 && status.st_uid != geteuid()) || (status.st_mode & (S_IWGRP | S_IWOTH)))
        r = -EPERM;
    if (r < 0)
        log_errno(LOG_ERR, r, "%s: others may write it", path);
    for (int number = 1; r >= 0 && fgets(line, sizeof line, file); number++) {
        r = read_line(line, config);
        if (r < 0)
            log_errno(LOG_ERR, r, "%s: line %d is no setting that corrald knows", path, number);
    }
    fclose(file);
    return r;
}
