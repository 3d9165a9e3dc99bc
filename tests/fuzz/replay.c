// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a fuzz target over the files of directories, so that what a fuzzer once found stays fixed in builds without one.
#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

// The bytes lie in an allocation of exactly their size, so that the address sanitizer sees the first one too many.
static int replay_file(int dir_fd, const char *name) {
    AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return fail(name);
    size_t size = (size_t)status.st_size;
    AUTO_FREE uint8_t *data = malloc(size);
    if (!data && size > 0)
        return fail(name);
    ssize_t n = read(fd, data, size);
    if (n != (ssize_t)size)
        return fail(name);
    printf("%s (%zu bytes)\n", name, size);
    (void)fflush(stdout); // before a crash can swallow the name
    (void)LLVMFuzzerTestOneInput(data, size);
    return 0;
}

// Returns the number of files replayed.
static int replay_directory(const char *path) {
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort), replayed = 0;
    AUTO_CLOSE int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (n < 0 || dir_fd < 0)
        replayed = fail(path);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.' && replayed >= 0)
            replayed = replay_file(dir_fd, entries[i]->d_name) < 0 ? -1 : replayed + 1;
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

int main(int argc, char *argv[]) {
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int replayed = replay_directory(argv[i]);
        if (replayed < 0)
            return EXIT_FAILURE;
        total += replayed;
    }
    if (total == 0) {
        fprintf(stderr, "nothing to replay: an empty corpus proves nothing\n");
        return EXIT_FAILURE;
    }
    printf("%d inputs\n", total);
    return EXIT_SUCCESS;
}
