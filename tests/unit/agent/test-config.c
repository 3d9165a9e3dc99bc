// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/config.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/corral-test-config-XXXXXX";

static void set_up(void) {
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    (void)close(fd);
    log_set_level(-1);
}

static void tear_down(void) {
    (void)unlink(path);
}

TestSuite(config, .init = set_up, .fini = tear_down);

static int read_text(const char *text, AgentSettings *settings) {
    FILE *file = fopen(path, "we");

    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    return agent_config_read(path, settings);
}

Test(config, settings) {
    AgentSettings settings = { 0 };

    cr_assert_eq(read_text("", &settings), 0);
    cr_assert_str_eq(settings.admin_group, "corral-admin");
    cr_assert_eq(settings.log_level, LOG_INFO);
    cr_assert_eq(read_text("AdminGroup=wheel\nLogLevel=Debug\n", &settings), 0);
    cr_assert_str_eq(settings.admin_group, "wheel");
    cr_assert_eq(settings.log_level, LOG_DEBUG);
    // What is not named any more has its default again.
    cr_assert_eq(read_text("AdminGroup=\n", &settings), 0);
    cr_assert_str_eq(settings.admin_group, "");
    cr_assert_eq(settings.log_level, LOG_INFO);
}

Test(config, what_is_refused_changes_nothing) {
    AgentSettings settings = { .admin_group = "wheel", .log_level = LOG_ERR };

    cr_assert_eq(read_text("AdminGroup=other\nLogLevel=loud\n", &settings), -EINVAL);
    cr_assert_eq(read_text("AdminGroup=other\nAdmins=1\n", &settings), -ENOENT);
    cr_assert_str_eq(settings.admin_group, "wheel");
    cr_assert_eq(settings.log_level, LOG_ERR);
}

// The file that is installed shows the defaults, in comments.
static void write_without_comments(const char *from) {
    FILE *in = fopen(from, "re"), *out = fopen(path, "we");
    char line[256];
    int settings = 0;

    cr_assert(in && out);
    while (fgets(line, sizeof line, in)) {
        bool setting = line[0] == '#' && isupper((unsigned char)line[1]) && strchr(line, '=');
        cr_assert_geq(fputs(line + setting, out), 0);
        settings += setting;
    }
    cr_assert_eq(fclose(in), 0);
    cr_assert_eq(fclose(out), 0);
    cr_assert_eq(settings, 2);
}

Test(config, installed_file) {
    AgentSettings settings = { .admin_group = "wheel", .log_level = LOG_ERR };

    write_without_comments(CORRAL_SOURCE "/packaging/corrald.conf");
    cr_assert_eq(agent_config_read(path, &settings), 0);
    cr_assert_str_eq(settings.admin_group, AGENT_SETTINGS_DEFAULT.admin_group);
    cr_assert_eq(settings.log_level, AGENT_SETTINGS_DEFAULT.log_level);
}
