// SPDX-License-Identifier: LGPL-2.1-or-later
// The only bytes of others that the privileged part reads. All bounds are checked before anything is used, so that
// taking the packet apart cannot fail.
#include "agent/launcher/request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MODE_MAX 0777u
#define ID_INVALID UINT32_MAX // "leave it alone" for setresuid(2) and its kin
#define PATHS 4u              // work directory and three standard streams

static bool key_is_valid(const AttemptKey *key) {
    return key->job != 0 && key->run != 0 && key->task != 0 && key->attempt != 0 && key->padding == 0;
}

static bool request_is_valid(const LaunchRequest *request) {
    return request->header.version == LAUNCHER_VERSION && request->header.verb == LAUNCHER_LAUNCH &&
           key_is_valid(&request->key) && request->uid != ID_INVALID && request->gid != ID_INVALID &&
           request->umask <= MODE_MAX && request->n_groups <= LAUNCH_GROUPS_MAX && request->n_arguments >= 1 &&
           request->n_arguments <= LAUNCH_ARGUMENTS_MAX && request->n_environment <= LAUNCH_ENVIRONMENT_MAX &&
           request->limits_set < 1u << LAUNCH_LIMITS && request->strings_size <= LAUNCHER_MESSAGE_MAX;
}

static bool groups_are_valid(const uint32_t *groups, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (groups[i] == ID_INVALID)
            return false;
    return true;
}

// Whether size bytes are exactly n strings, each with its NUL.
static bool strings_are_valid(const char *strings, size_t size, size_t n) {
    const char *end = strings + size;

    if (size == 0 || end[-1] != '\0')
        return false;
    for (const char *s = strings; s < end; s += strlen(s) + 1)
        if (n-- == 0)
            return false;
    return n == 0;
}

static char *next_string(char **cursor) {
    char *string = *cursor;

    *cursor += strlen(string) + 1;
    return string;
}

static int compare_groups(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int launch_parse(char *packet, size_t size, Launch *ret) {
    const LaunchRequest *request = (const LaunchRequest *)(const void *)packet;

    if (size < sizeof(*request) || !request_is_valid(request))
        return -EBADMSG;
    size_t groups_size = request->n_groups * sizeof(*ret->groups);
    if (size != sizeof(*request) + groups_size + request->strings_size)
        return -EBADMSG;

    uint32_t *groups = (uint32_t *)(void *)(packet + sizeof(*request));
    char *cursor = packet + sizeof(*request) + groups_size;
    if (!groups_are_valid(groups, request->n_groups) ||
        !strings_are_valid(cursor, request->strings_size, request->n_arguments + request->n_environment + PATHS))
        return -EBADMSG;

    qsort(groups, request->n_groups, sizeof(*groups), compare_groups);
    ret->request = request;
    ret->groups = groups;
    for (uint32_t i = 0; i < request->n_arguments; i++)
        ret->arguments[i] = next_string(&cursor);
    ret->arguments[request->n_arguments] = NULL;
    for (uint32_t i = 0; i < request->n_environment; i++)
        ret->environment[i] = next_string(&cursor);
    ret->environment[request->n_environment] = NULL;
    ret->directory = next_string(&cursor);
    ret->input = next_string(&cursor);
    ret->output = next_string(&cursor);
    ret->error = next_string(&cursor);
    return 0;
}
