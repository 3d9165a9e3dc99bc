// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/config.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_CONFIG (64u * 1024u)

// Of the open file, so that nobody can put another one in its place.
static int check_owner(int fd) {
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    if ((status.st_uid != 0 && status.st_uid != geteuid()) || (status.st_mode & (S_IWGRP | S_IWOTH)))
        return -EPERM;
    return status.st_size > (off_t)SIZE_MAX_CONFIG ? -EFBIG : 0;
}

static ssize_t read_all(int fd, char *buffer, size_t size) {
    size_t length = 0;

    while (length < size) {
        ssize_t n = read(fd, buffer + length, size - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return (ssize_t)length;
        length += (size_t)n;
    }
    return -EFBIG;
}

// Cuts blanks off both ends, in place.
static char *trim(char *text) {
    text += strspn(text, " \t\r");
    for (size_t length = strlen(text); length > 0 && strchr(" \t\r", text[length - 1]); length--)
        text[length - 1] = '\0';
    return text;
}

static const ConfigSetting *find_setting(const char *name, const ConfigSetting *settings, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, settings[i].name) == 0)
            return &settings[i];
    return NULL;
}

// where: the file and the number of the line.
static int take_line(char *line, const char *where, const ConfigSetting *settings, size_t n, void *target) {
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    char *value = strchr(line, '=');
    if (!value)
        return log_errno(LOG_ERR, -EINVAL, "%s: not of the form Name=value", where);
    *value++ = '\0';
    const ConfigSetting *setting = find_setting(trim(line), settings, n);
    if (!setting)
        return log_errno(LOG_ERR, -ENOENT, "%s: there is no such setting", where);
    int r = setting->set(trim(value), target);
    return r < 0 ? log_errno(LOG_ERR, r, "%s: %s has to be %s", where, setting->name, setting->expected) : 0;
}

int config_read(const char *path, const ConfigSetting *settings, size_t n, void *target) {
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return log_errno(LOG_ERR, -errno, "cannot read %s", path);
    int r = check_owner(fd);
    if (r < 0)
        return log_errno(LOG_ERR, r, r == -EPERM ? "%s: others may write it" : "%s: cannot be used", path);

    AUTO_FREE char *text = malloc(SIZE_MAX_CONFIG + 1);
    if (!text)
        return -ENOMEM;
    ssize_t size = read_all(fd, text, SIZE_MAX_CONFIG + 1);
    if (size < 0)
        return log_errno(LOG_ERR, (int)size, "cannot read %s", path);
    text[size] = '\0';
    if (strlen(text) != (size_t)size)
        return log_errno(LOG_ERR, -EINVAL, "%s: holds a NUL byte", path);

    char *rest = text, *line;
    for (int number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
        char where[PATH_MAX];
        (void)snprintf(where, sizeof where, "%s: line %d", path, number);
        r = take_line(line, where, settings, n, target);
        if (r < 0)
            return r;
    }
    return 0;
}

int config_parse_switch(const char *value, int *ret) {
    static const char *const words[2][4] = { { "no", "false", "off", "0" }, { "yes", "true", "on", "1" } };

    for (int on = 0; on <= 1; on++)
        for (size_t i = 0; i < sizeof words[0] / sizeof *words[0]; i++)
            if (strcasecmp(value, words[on][i]) == 0) {
                *ret = on;
                return 0;
            }
    return -EINVAL;
}
