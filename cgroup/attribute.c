// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/attribute.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

#define NUMBER_MAX sizeof "18446744073709551615"

static int parse_number(const char *begin, const char *end, uint64_t *ret) {
    char number[NUMBER_MAX];
    size_t length = (size_t)(end - begin);

    if (length >= sizeof number)
        return -EBADMSG;
    memcpy(number, begin, length);
    number[length] = '\0';
    return parse_uint64(number, ret) < 0 ? -EBADMSG : 0;
}

int attribute_find(const char *text, const char *key, uint64_t *ret) {
    size_t length = strlen(key);

    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return parse_number(line + length + 1, end, ret);
        line = *end ? end + 1 : end;
    }
    return -ENOENT;
}
