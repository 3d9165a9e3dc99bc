// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/config.h"

#include "base/log.h"
#include "tests/unit/settings-file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

TestSuite(config, .init = settings_file_make, .fini = settings_file_remove);

static int read_text(const char *text, AgentSettings *settings) {
    settings_file_write(text, strlen(text));
    return agent_config_read(settings_file, settings);
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

Test(config, installed_file) {
    AgentSettings settings = { .admin_group = "wheel", .log_level = LOG_ERR };

    settings_file_write_defaults(CORRAL_SOURCE "/packaging/corrald.conf", 2);
    cr_assert_eq(agent_config_read(settings_file, &settings), 0);
    cr_assert_str_eq(settings.admin_group, AGENT_SETTINGS_DEFAULT.admin_group);
    cr_assert_eq(settings.log_level, AGENT_SETTINGS_DEFAULT.log_level);
}
