// SPDX-License-Identifier: LGPL-2.1-or-later
// What agent and launcher say to each other on a SOCK_SEQPACKET socket, and what a reaper leaves behind. Each message
// is one packet: a header, then a body whose length follows from the header and is checked to the byte. Both ends are
// of one build: LAUNCHER_VERSION is checked first and there is no other compatibility.
#pragma once

#include "agent/launcher/policy.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LAUNCHER_VERSION 2u
// The longest packet: arguments, environment and paths of a task together have to fit.
#define LAUNCHER_MESSAGE_MAX (128u * 1024u)

typedef enum LauncherVerb {
    LAUNCHER_HELLO = 1, // fds: records directory, output directory. Answered with LauncherWelcome.
    LAUNCHER_LAUNCH,    // fds: cgroup of the attempt. No answer: the reaper's record is the answer.
    LAUNCHER_SIGNAL,    // fds: cgroup. No answer.
    LAUNCHER_INSPECT,   // fds: cgroup. Answered with InspectReply.
    LAUNCHER_PROBE,     // fds: cgroup. Answered with ProbeReply: a process sleeps in it for a moment.
    _LAUNCHER_VERB_LAST = LAUNCHER_PROBE
} LauncherVerb;

// Which attempt of which task. All numbers from 1; never used twice.
typedef struct AttemptKey {
    uint64_t job;
    uint32_t run;
    uint32_t task;
    uint32_t attempt;
    uint32_t padding; // 0
} AttemptKey;

typedef struct LauncherHeader {
    uint32_t version;
    uint32_t verb;
} LauncherHeader;

// The directories have to belong to the user of the agent, and nobody else may write them.
typedef struct LauncherHello {
    LauncherHeader header;
} LauncherHello;

// Whose tasks this launcher starts: the agent can refuse others early. The launcher refuses them in any case. It comes
// again, unasked, when that has changed.
typedef struct LauncherWelcome {
    LauncherHeader header;
    uint32_t root_jobs; // 1: those of uid 0
    uint32_t n_uids;
    UidRange uids[POLICY_RANGES_MAX];
} LauncherWelcome;

#define LAUNCH_GROUPS_MAX 1024u
#define LAUNCH_ARGUMENTS_MAX 4096u
#define LAUNCH_ENVIRONMENT_MAX 4096u
#define LAUNCH_LIMITS 16u // RLIM_NLIMITS of Linux

// Followed by: n_groups gid_t (uint32_t), then NUL-terminated strings: arguments, environment, work directory, and the
// paths of standard input, output, error; an empty path is /dev/null for input and "keep" for the outputs. strings_size
// is the bytes of all strings together; their count is n_arguments + n_environment + 4. The paths are opened as the
// user, relative to the work directory, and that relative to the root directory. A launcher that is not root starts
// only tasks of its own user and leaves all ids as they are.
typedef struct LaunchRequest {
    LauncherHeader header;
    AttemptKey key;
    uint32_t uid;
    uint32_t gid;
    uint32_t umask;
    uint32_t n_groups;
    uint32_t n_arguments;
    uint32_t n_environment;
    uint32_t strings_size;
    uint32_t limits_set;            // mask: which of limits are wanted; others get the launcher's defaults
    uint64_t limits[LAUNCH_LIMITS]; // soft limits by RLIMIT_ number
    uint64_t output_max;            // bytes kept of each stream
} LaunchRequest;

typedef struct SignalRequest {
    LauncherHeader header;
    uint32_t signal;
    uint32_t continue_after; // 1: SIGCONT follows to each process
} SignalRequest;

typedef struct InspectRequest {
    LauncherHeader header;
    uint64_t cookie; // comes back in the reply
    uint32_t max;    // at most this many processes, not above INSPECT_MAX
    uint32_t padding;
} InspectRequest;

#define INSPECT_MAX 256u
#define INSPECT_NO_CALL (-1)

typedef struct InspectedProcess {
    int32_t pid;
    int32_t parent;
    uint32_t uid;
    uint32_t threads;
    int32_t system_call;   // INSPECT_NO_CALL
    char state;            // as in proc_pid_stat(5)
    char command[16];      // NUL-terminated
    char wait_channel[47]; // NUL-terminated, empty when not known
    uint64_t cpu_usec;
    uint64_t resident; // bytes
} InspectedProcess;

typedef struct ProbeRequest {
    LauncherHeader header;
} ProbeRequest;

typedef struct ProbeReply {
    LauncherHeader header;
    int32_t error; // positive errno, 0: there is a process
    int32_t pid;
} ProbeReply;

// Followed by n InspectedProcess.
typedef struct InspectReply {
    LauncherHeader header;
    uint64_t cookie;
    uint32_t n;
    uint32_t total; // processes in the cgroup and below, also those that are not described
} InspectReply;

// ---- the reaper's files, in the records directory ----
//
// <job>.<run>.<task>.<attempt>.claim    made by the launcher before it forks the reaper, and never over another one;
//                                       locked with flock(LOCK_EX) from before it has its name until the reaper ends.
//                                       Who makes the file owns the attempt: the agent makes it itself to be sure that
//                                       a launch that may have got lost never happens.
// <job>.<run>.<task>.<attempt>.record   the claim, filled with a LaunchRecord and renamed.
//
// A claim that is still named .claim and not locked is a reaper that died. How far it had come tells the claim: see
// agent/launcher/claim.h.
// <...>.stdout and .stderr in the output directory are made when the first byte comes.
// All of them are of mode 0600 and belong to the owner of their directory.
#define ATTEMPT_NAME_MAX 64
#define CLAIM_SUFFIX ".claim"
#define RECORD_SUFFIX ".record"
#define CLAIM_UNNAMED_PREFIX "new." // and a pid: a claim that has not got its name yet
#define STDOUT_SUFFIX ".stdout"
#define STDERR_SUFFIX ".stderr"

#define LAUNCH_RECORD_MAGIC UINT64_C(0x31726c6c61726f43) // "Corallr1"

// The step at which a launch failed, 0 when the program ran.
typedef enum LaunchStep {
    LAUNCH_STEP_NONE,
    LAUNCH_STEP_REQUEST, // the request did not make sense
    LAUNCH_STEP_FORK,    // no reaper could be made
    LAUNCH_STEP_CLAIM,   // the claim could not be marked
    LAUNCH_STEP_POLICY,  // the launcher's configuration forbids it
    LAUNCH_STEP_USER,    // the groups are not the user's, or nobody knows whose they are
    LAUNCH_STEP_PIPE,
    LAUNCH_STEP_CLONE, // into the cgroup
    LAUNCH_STEP_SESSION,
    LAUNCH_STEP_SIGNALS,
    LAUNCH_STEP_DESCRIPTORS,
    LAUNCH_STEP_LIMITS,
    LAUNCH_STEP_GROUPS,
    LAUNCH_STEP_GID,
    LAUNCH_STEP_UID,
    LAUNCH_STEP_CAPABILITIES,
    LAUNCH_STEP_DIRECTORY, // work directory
    LAUNCH_STEP_STDIN,
    LAUNCH_STEP_STDOUT,
    LAUNCH_STEP_STDERR,
    LAUNCH_STEP_VERIFY_PLACE, // from here to the program: what the reaper saw from outside was not what was asked for
    LAUNCH_STEP_VERIFY_CREDENTIALS,
    LAUNCH_STEP_VERIFY_SESSION,
    LAUNCH_STEP_VERIFY_LIMITS,
    LAUNCH_STEP_VERIFY_DESCRIPTORS,
    LAUNCH_STEP_EXEC,
    _LAUNCH_STEP_LAST = LAUNCH_STEP_EXEC
} LaunchStep;

typedef struct LaunchRecord {
    uint64_t magic;
    uint32_t size; // of this struct
    uint32_t step; // LaunchStep
    AttemptKey key;
    char boot_id[BOOT_ID_TEXT + 7];
    uint64_t cgroup_id;
    int32_t error;       // errno of the step, positive
    int32_t wait_status; // as wait(2) gave it; meaningful with step 0
    int32_t pid;
    int32_t padding;
    uint64_t start_realtime, start_boottime; // microseconds
    uint64_t end_realtime, end_boottime;
    uint64_t user_usec, system_usec; // of the main process and what it waited for
    uint64_t max_resident;           // bytes; UINT64_MAX when not known
    uint64_t stdout_kept, stdout_dropped, stderr_kept, stderr_dropped;
} LaunchRecord;

// Whether size bytes are a whole record of this attempt that makes sense. record must be aligned as it is.
bool launch_record_is_valid(const LaunchRecord *record, size_t size, const AttemptKey *key);

// Writes "<job>.<run>.<task>.<attempt><suffix>" into ret. Returns ret.
char *attempt_file_name(char ret[static ATTEMPT_NAME_MAX], const AttemptKey *key, const char *suffix);

// Parses such a name. -EINVAL when it is not exactly one.
int attempt_parse_file_name(const char *name, const char *suffix, AttemptKey *ret);

// For messages: "execute the program", "enter the work directory", ...
const char *launch_step_text(LaunchStep step);

// Creates and opens (O_EXCL besides flags) a file that belongs to the owner of its directory from the first moment on:
// whoever finds its name can open it. A descriptor, or negative errno.
int attempt_file_create(int dir_fd, const char *name, int flags);
