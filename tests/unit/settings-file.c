// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/settings-file.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char settings_file[] = "/tmp/corral-test-settings-XXXXXX";

void settings_file_make(void) {
    int fd = mkstemp(settings_file);

    cr_assert_geq(fd, 0);
    (void)close(fd);
    log_set_level(-1);
}

void settings_file_remove(void) {
    (void)unlink(settings_file);
}

void settings_file_write(const char *bytes, size_t size) {
    FILE *file = fopen(settings_file, "we");

    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

void settings_file_write_defaults(const char *from, int n) {
    FILE *in = fopen(from, "re"), *out = fopen(settings_file, "we");
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
    cr_assert_eq(settings, n);
}
