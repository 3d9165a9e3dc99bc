// SPDX-License-Identifier: LGPL-2.1-or-later
// Cgroup directories: what one needs to know to walk them without following anything out of them.
#pragma once

#include "base/cleanup.h"

#include <dirent.h>
#include <stdbool.h>

// Whether name is one path component other than "." and "..".
bool directory_name_is_valid(const char *name);

// Whether the directory behind fd has been removed; a directory that merely lacks a file has not.
bool directory_is_removed(int fd);

// Whether fd certainly has no subdirectories. One system call, for cgroup file systems keep their link counts.
bool directory_is_leaf(int fd);

// Opens subdirectory name for readdir(3), never through a link.
int directory_open(int dir_fd, const char *name, DIR **ret);

// The next entry that is or may be a subdirectory (some file systems do not tell). 0 at the end, 1 when there is one,
// borrowed until the next call; a directory removed meanwhile has ended.
int directory_next(DIR *dir, const char **ret_name);

static inline DIR *directory_close(DIR *dir) {
    if (dir)
        (void)closedir(dir);
    return NULL;
}
DEFINE_CLEANUP(DIR, directory_close)
#define AUTO_DIRECTORY CLEANUP(cleanup_directory_close)
