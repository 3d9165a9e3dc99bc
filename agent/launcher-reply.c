// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher-reply.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_welcome(const LauncherWelcome *welcome, size_t size) {
    if (size != sizeof *welcome || welcome->root_jobs > 1 || welcome->n_uids > POLICY_RANGES_MAX)
        return false;
    for (uint32_t i = 0; i < welcome->n_uids; i++)
        if (welcome->uids[i].first > welcome->uids[i].last)
            return false;
    return true;
}

static bool is_process(const InspectedProcess *process) {
    return process->pid > 0 && process->parent >= 0 && process->system_call >= INSPECT_NO_CALL &&
           process->cpu_usec <= INT64_MAX && process->resident <= INT64_MAX &&
           memchr(process->command, '\0', sizeof process->command) != NULL &&
           memchr(process->wait_channel, '\0', sizeof process->wait_channel) != NULL;
}

static bool is_inspection(const InspectReply *reply, size_t size) {
    const InspectedProcess *processes = (const InspectedProcess *)(reply + 1);

    if (size < sizeof *reply || reply->n > INSPECT_MAX || reply->n > reply->total ||
        size != sizeof *reply + reply->n * sizeof *processes)
        return false;
    for (uint32_t i = 0; i < reply->n; i++)
        if (!is_process(&processes[i]))
            return false;
    return true;
}

static bool is_probe(const ProbeReply *reply, size_t size) {
    return size == sizeof *reply && reply->error >= 0 && reply->pid >= 0;
}

int launcher_reply_parse(const void *message, size_t size, LauncherReply *ret) {
    const LauncherHeader *header = message;

    if (size < sizeof *header || header->version != LAUNCHER_VERSION)
        return -EPROTO;
    LauncherReply reply = { 0 };
    if (header->verb == LAUNCHER_HELLO && is_welcome(message, size)) {
        reply.welcome = message;
    } else if (header->verb == LAUNCHER_INSPECT && is_inspection(message, size)) {
        reply.inspect = message;
        reply.processes = (const InspectedProcess *)(reply.inspect + 1);
    } else if (header->verb == LAUNCHER_PROBE && is_probe(message, size)) {
        reply.probe = message;
    } else {
        return -EBADMSG;
    }
    *ret = reply;
    return 0;
}
