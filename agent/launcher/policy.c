// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/policy.h"

#include "base/config.h"
#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set_root_jobs(const char *value, void *target) {
    Policy *policy = target;
    int on;

    int r = config_parse_switch(value, &on);
    if (r >= 0)
        policy->root_jobs = on;
    return r;
}

static int parse_uid(const char *text, uid_t *ret) {
    uint64_t value;

    int r = parse_uint64(text, &value);
    if (r < 0 || value >= UINT32_MAX) // the last one means "none"
        return -EINVAL;
    *ret = (uid_t)value;
    return 0;
}

// "1000" or "1000-59999".
static int parse_range(char *text, UidRange *ret) {
    char *last = strchr(text, '-');

    if (last)
        *last++ = '\0';
    int r = parse_uid(text, &ret->first);
    if (r >= 0)
        r = parse_uid(last ? last : text, &ret->last);
    return r < 0 || ret->first > ret->last ? -EINVAL : 0;
}

// Replaces what was set before. An empty list allows nobody.
static int set_uids(const char *value, void *target) {
    Policy *policy = target;
    char copy[1024], *rest, *part;
    UidRange range;

    if (strlen(value) >= sizeof(copy))
        return -E2BIG;
    (void)snprintf(copy, sizeof(copy), "%s", value);
    policy->n_uids = 0;
    for (part = strtok_r(copy, " \t,", &rest); part; part = strtok_r(NULL, " \t,", &rest)) {
        int r = parse_range(part, &range);
        if (r < 0)
            return r;
        if (policy->n_uids == POLICY_RANGES_MAX)
            return -E2BIG;
        policy->uids[policy->n_uids++] = range;
    }
    return 0;
}

static const ConfigSetting settings[] = {
    { "RootJobs", set_root_jobs, "yes or no" },
    { "Uids", set_uids, "user ids or ranges of them, such as 1000-59999, 64 at most" },
};

int policy_read(const char *path, Policy *ret) {
    Policy policy = POLICY_DEFAULT;

    int r = config_read(path, settings, sizeof(settings) / sizeof(settings[0]), &policy);
    if (r >= 0)
        *ret = policy;
    return r;
}

bool policy_allows(const Policy *policy, uid_t uid) {
    if (uid == 0)
        return policy->root_jobs;
    for (uint32_t i = 0; i < policy->n_uids; i++)
        if (uid >= policy->uids[i].first && uid <= policy->uids[i].last)
            return true;
    return false;
}
