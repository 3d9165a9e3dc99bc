// SPDX-License-Identifier: LGPL-2.1-or-later
// corral-groups UID: writes the groups of a user, the primary one included, to standard output, each as a 32-bit
// number. A uid that the database does not know has the group of nobody, as the agent has it. The launcher runs it: it
// cannot ask the database itself, being linked statically.
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

#define GROUPS_MAX 65536 // NGROUPS_MAX of Linux
#define GID_NOBODY 65534

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are written as they are");

int main(int argc, char **argv) {
    gid_t nobody = GID_NOBODY;
    uint64_t uid;

    if (argc != 2 || parse_uint64(argv[1], &uid) < 0 || uid >= UINT32_MAX) {
        (void)fputs("Usage: corral-groups UID\n", stderr);
        return 2;
    }
    errno = 0;
    const struct passwd *user = getpwuid((uid_t)uid);
    if (!user && errno != 0 && errno != ENOENT && errno != ESRCH && errno != EBADF && errno != EPERM)
        return EXIT_FAILURE; // not known is not the same as not there
    if (!user)
        return file_write_all(STDOUT_FILENO, &nobody, sizeof(nobody)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

    int n = GROUPS_MAX;
    AUTO_FREE gid_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
    if (!groups || getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
        return EXIT_FAILURE;
    return file_write_all(STDOUT_FILENO, groups, (size_t)n * sizeof(*groups)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
