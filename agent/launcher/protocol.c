// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/launcher/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// What lies on the wire and on the disk has the same layout for every compiler.
_Static_assert(sizeof(AttemptKey) == 24, "AttemptKey has holes");
_Static_assert(sizeof(LaunchRequest) == 200, "LaunchRequest has holes");
_Static_assert(sizeof(LaunchRequest) % sizeof(uint64_t) == 0, "groups follow aligned");
_Static_assert(sizeof(LauncherWelcome) == 16 + 8 * POLICY_RANGES_MAX, "LauncherWelcome has holes");
_Static_assert(sizeof(InspectedProcess) == 104, "InspectedProcess has unexpected holes");
_Static_assert(sizeof(LaunchRecord) == 192, "LaunchRecord has holes");

char *attempt_file_name(char ret[static ATTEMPT_NAME_MAX], const AttemptKey *key, const char *suffix) {
    (void)snprintf(ret, ATTEMPT_NAME_MAX, "%" PRIu64 ".%" PRIu32 ".%" PRIu32 ".%" PRIu32 "%s", key->job, key->run,
                   key->task, key->attempt, suffix);
    return ret;
}

// Consumes one number from 1 to max, in the only form in which it is ever written: no sign, no leading zero.
static int parse_number(const char **cursor, uint64_t max, uint64_t *ret) {
    const char *p = *cursor;
    uint64_t value = 0;

    if (*p < '1' || *p > '9')
        return -EINVAL;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (value > (max - digit) / 10)
            return -EINVAL;
        value = value * 10 + digit;
    }
    *cursor = p;
    *ret = value;
    return 0;
}

int attempt_parse_file_name(const char *name, const char *suffix, AttemptKey *ret) {
    static const uint64_t max[] = { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };
    uint64_t numbers[4];

    for (size_t i = 0; i < 4; i++) {
        if (i > 0 && *name++ != '.')
            return -EINVAL;
        int r = parse_number(&name, max[i], &numbers[i]);
        if (r < 0)
            return r;
    }
    if (strcmp(name, suffix) != 0)
        return -EINVAL;
    *ret = (AttemptKey){
        .job = numbers[0],
        .run = (uint32_t)numbers[1],
        .task = (uint32_t)numbers[2],
        .attempt = (uint32_t)numbers[3],
    };
    return 0;
}

bool launch_record_is_valid(const LaunchRecord *record, size_t size, const AttemptKey *key) {
    const uint64_t numbers[] = { record->start_realtime, record->start_boottime, record->end_realtime,
                                 record->end_boottime,   record->user_usec,      record->system_usec,
                                 record->stdout_kept,    record->stdout_dropped, record->stderr_kept,
                                 record->stderr_dropped };

    if (size != sizeof(*record) || record->magic != LAUNCH_RECORD_MAGIC || record->size != sizeof(*record) ||
        memcmp(&record->key, key, sizeof(*key)) != 0 || record->step > _LAUNCH_STEP_LAST || record->error < 0)
        return false;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i] > INT64_MAX)
            return false;
    // A program that ran has ended in one of the two ways there are.
    return record->step != LAUNCH_STEP_NONE || WIFEXITED(record->wait_status) || WIFSIGNALED(record->wait_status);
}

const char *launch_step_text(LaunchStep step) {
    switch (step) {
    case LAUNCH_STEP_NONE:
        return "do nothing";
    case LAUNCH_STEP_REQUEST:
        return "accept the request";
    case LAUNCH_STEP_FORK:
        return "make a process to watch the task";
    case LAUNCH_STEP_CLAIM:
        return "note that it starts";
    case LAUNCH_STEP_POLICY:
        return "run tasks of this user: the configuration of the launcher forbids it";
    case LAUNCH_STEP_USER:
        return "confirm the groups of the user";
    case LAUNCH_STEP_PIPE:
        return "make pipes for the output";
    case LAUNCH_STEP_CLONE:
        return "start a process in the cgroup";
    case LAUNCH_STEP_SESSION:
        return "make a session";
    case LAUNCH_STEP_SIGNALS:
        return "reset the signals";
    case LAUNCH_STEP_DESCRIPTORS:
        return "close the descriptors";
    case LAUNCH_STEP_LIMITS:
        return "set the resource limits";
    case LAUNCH_STEP_GROUPS:
        return "set the supplementary groups";
    case LAUNCH_STEP_GID:
        return "set the group";
    case LAUNCH_STEP_UID:
        return "set the user";
    case LAUNCH_STEP_CAPABILITIES:
        return "drop the capabilities";
    case LAUNCH_STEP_DIRECTORY:
        return "enter the work directory";
    case LAUNCH_STEP_STDIN:
        return "open the standard input";
    case LAUNCH_STEP_STDOUT:
        return "open the standard output";
    case LAUNCH_STEP_STDERR:
        return "open the standard error";
    case LAUNCH_STEP_VERIFY_PLACE:
        return "verify that it is alone in its cgroup";
    case LAUNCH_STEP_VERIFY_CREDENTIALS:
        return "verify its credentials";
    case LAUNCH_STEP_VERIFY_SESSION:
        return "verify its session and signals";
    case LAUNCH_STEP_VERIFY_LIMITS:
        return "verify its resource limits";
    case LAUNCH_STEP_VERIFY_DESCRIPTORS:
        return "verify its descriptors";
    case LAUNCH_STEP_EXEC:
        return "execute the program";
    }
    return "do an unknown step";
}

int attempt_file_create(int dir_fd, const char *name, int flags) {
    struct stat st;

    if (fstat(dir_fd, &st) < 0)
        return -errno;
    // These two tell no errors; where they are refused, both ids are ours and the file is, too.
    (void)setfsgid(st.st_gid);
    (void)setfsuid(st.st_uid);
    int fd = openat(dir_fd, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : fd;
    (void)setfsuid(geteuid());
    (void)setfsgid(getegid());
    return r;
}
