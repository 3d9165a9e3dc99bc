// SPDX-License-Identifier: LGPL-2.1-or-later
// A file of settings, for the tests of those who read one.
#pragma once

#include <stddef.h>

// Its path, between settings_file_make() and settings_file_remove(): the beginning and the end of a test.
extern char settings_file[];

// Also lets nothing be logged: the lines about what is refused are no news here.
void settings_file_make(void);
void settings_file_remove(void);

void settings_file_write(const char *bytes, size_t size);

// Writes what an installed file, by its path in the sources, shows as the defaults, in comments: n settings.
void settings_file_write_defaults(const char *from, int n);
