// SPDX-License-Identifier: LGPL-2.1-or-later
// What the program does but for its name: in a library, so that tests can call it.
#pragma once

// Parses the command line, runs the verb, writes out what is buffered. Returns the exit status.
int program_main(int argc, char *argv[]);
