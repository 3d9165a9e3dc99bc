// SPDX-License-Identifier: LGPL-2.1-or-later
// The LAUNCH packet: what is accepted must lie inside the packet, every string of it.
#include "agent/launcher/request.h"

#include <stdlib.h>
#include <string.h>

static void check(const char *string, const char *begin, const char *end) {
    if (string < begin || string + strlen(string) >= end)
        abort();
}

static void check_all(char *const *strings, size_t n, const char *begin, const char *end) {
    for (size_t i = 0; i < n; i++)
        check(strings[i], begin, end);
    if (strings[n])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Launch launch;
    // Of exactly the size, and aligned as the launcher's packets are.
    char *packet = malloc(size > 0 ? size : 1);

    if (!packet)
        return 0;
    if (size > 0)
        memcpy(packet, data, size);
    if (launch_parse(packet, size, &launch) == 0) {
        const char *begin = packet + sizeof(LaunchRequest), *end = packet + size;

        check_all(launch.arguments, launch.request->n_arguments, begin, end);
        check_all(launch.environment, launch.request->n_environment, begin, end);
        check(launch.directory, begin, end);
        check(launch.input, begin, end);
        check(launch.output, begin, end);
        check(launch.error, begin, end);
        for (uint32_t i = 1; i < launch.request->n_groups; i++)
            if (launch.groups[i - 1] > launch.groups[i])
                abort();
    }
    free(packet);
    return 0;
}
