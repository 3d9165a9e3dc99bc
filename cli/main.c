// SPDX-License-Identifier: LGPL-2.1-or-later
// corral: finds the verb and lets it do its work.
#include "cli/program.h"

int main(int argc, char *argv[]) {
    return program_main(argc, argv);
}
