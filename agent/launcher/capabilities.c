// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint32_t needed[] = {
    CAP_SETUID,       CAP_SETGID, // to become the user
    CAP_CHOWN,                    // pipes for the user
    CAP_DAC_OVERRIDE,             // the agent's directories, and its cgroups
    CAP_KILL,                     // signals, for a grace period
    CAP_SYS_PTRACE,               // what processes of others are doing: evidence, and to verify a task
    CAP_SYS_RESOURCE,             // to take the protection from the OOM killer off a task, for good
};

static void set_effective(struct __user_cap_data_struct data[static _LINUX_CAPABILITY_U32S_3], bool sys_resource) {
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].effective = data[i].permitted;
    if (!sys_resource)
        data[CAP_TO_INDEX(CAP_SYS_RESOURCE)].effective &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
}

int capabilities_keep_needed(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    uint32_t keep[_LINUX_CAPABILITY_U32S_3] = { 0 };

    if (syscall(SYS_capget, &header, data) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        keep[CAP_TO_INDEX(needed[i])] |= CAP_TO_MASK(needed[i]);
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= keep[i];
        data[i].inheritable = 0;
    }
    set_effective(data, false);
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int capabilities_use_sys_resource(bool use) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    if (!(data[CAP_TO_INDEX(CAP_SYS_RESOURCE)].permitted & CAP_TO_MASK(CAP_SYS_RESOURCE)))
        return -EPERM;
    set_effective(data, use);
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
