// SPDX-License-Identifier: LGPL-2.1-or-later
// Outlives agent and launcher. It lives in the launcher's cgroup, so no kill of a job reaches it, and it holds the one
// thing nobody else can know: how the task ended. Hence it never gives up on writing that down.
#include "agent/launcher/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/launcher/claim.h"
#include "agent/launcher/output.h"
#include "agent/launcher/process-end.h"
#include "agent/launcher/task.h"
#include "agent/launcher/verify.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"

#define RETRY_FIRST_MSEC 10
#define RETRY_LAST_MSEC 5000

// ---- claim and record ----

static void record_init(LaunchRecord *record, const Reaper *reaper) {
    struct stat st;

    *record = (LaunchRecord){
        .magic = LAUNCH_RECORD_MAGIC,
        .size = sizeof(*record),
        .key = reaper->launch->request->key,
    };
    memcpy(record->boot_id, reaper->boot_id, sizeof(reaper->boot_id));
    if (fstat(reaper->cgroup_fd, &st) == 0)
        record->cgroup_id = st.st_ino;
}

// Fills the claim and gives it its final name: the agent sees a whole record or none.
static int record_write(const Reaper *reaper, const LaunchRecord *record) {
    char claim[ATTEMPT_NAME_MAX], name[ATTEMPT_NAME_MAX];

    ssize_t n = pwrite(reaper->claim_fd, record, sizeof(*record), 0);
    if (n != sizeof(*record))
        return n < 0 ? -errno : -ENOSPC;
    if (renameat(reaper->records_fd, attempt_file_name(claim, &record->key, CLAIM_SUFFIX), reaper->records_fd,
                 attempt_file_name(name, &record->key, RECORD_SUFFIX)) < 0)
        return -errno;
    return 0;
}

// Whether the directory or the claim has been removed, or the file system cannot do it.
static bool is_final(const Reaper *reaper, int error) {
    struct stat st;

    return error == -ENOENT || error == -EOPNOTSUPP || (fstat(reaper->records_fd, &st) == 0 && st.st_nlink == 0);
}

// Waits before the next try, longer each time. False when trying again is of no use.
static bool retry(const Reaper *reaper, const char *what, int error, unsigned *msec) {
    char name[ATTEMPT_NAME_MAX];
    bool final = is_final(reaper, error);

    if (final || *msec == 0)
        (void)log_errno(LOG_ERR, error, "Attempt %s: cannot write its %s",
                        attempt_file_name(name, &reaper->launch->request->key, ""), what);
    if (final)
        return false;
    *msec = *msec == 0 ? RETRY_FIRST_MSEC : *msec * 2 < RETRY_LAST_MSEC ? *msec * 2 : RETRY_LAST_MSEC;
    (void)nanosleep(&(struct timespec){ .tv_sec = *msec / 1000, .tv_nsec = *msec % 1000 * 1000000L }, NULL);
    return true;
}

// A full file system must not turn into a lost exit status.
static int record_write_surely(const Reaper *reaper, const LaunchRecord *record) {
    unsigned msec = 0;

    for (;;) {
        int r = record_write(reaper, record);
        if (r >= 0 || !retry(reaper, "record", r, &msec))
            return r;
    }
}

// The launcher has made it, unless there was no room.
static int claim_surely(Reaper *reaper) {
    unsigned msec = 0;

    while (reaper->claim_fd < 0) {
        int r = claim_create(reaper->records_fd, &reaper->launch->request->key, &reaper->claim_fd);
        if (r == -EEXIST || (r < 0 && !retry(reaper, "claim", r, &msec)))
            return r;
    }
    return 0;
}

int reaper_record_failure(Reaper *reaper, LaunchStep step, int error) {
    LaunchRecord record;

    if (reaper->claim_fd < 0) {
        int r = claim_create(reaper->records_fd, &reaper->launch->request->key, &reaper->claim_fd);
        if (r < 0)
            return r;
    }
    record_init(&record, reaper);
    record.step = step;
    record.error = -error;
    record.start_realtime = record.end_realtime = clock_realtime();
    record.start_boottime = record.end_boottime = clock_boottime();
    return record_write(reaper, &record);
}

// ---- the task ----

typedef struct Streams {
    Output output, error;
} Streams;

static void streams_init(Streams *streams, const Reaper *reaper) {
    const LaunchRequest *request = reaper->launch->request;

    streams->output = streams->error = OUTPUT_NULL;
    streams->output.suffix = STDOUT_SUFFIX;
    streams->error.suffix = STDERR_SUFFIX;
    streams->output.key = streams->error.key = &request->key;
    streams->output.directory_fd = streams->error.directory_fd = reaper->output_fd;
    streams->output.max = streams->error.max = request->output_max;
}

static void streams_deinit(Streams *streams) {
    output_deinit(&streams->output);
    output_deinit(&streams->error);
}

static int streams_open(Streams *streams, const Launch *launch, int *ret_output_fd, int *ret_error_fd) {
    const LaunchRequest *request = launch->request;
    AUTO_CLOSE int output_fd = -1;

    if (launch->output[0] == '\0') {
        int r = output_open(&streams->output, request->uid, request->gid, &output_fd);
        if (r < 0)
            return r;
    }
    if (launch->error[0] == '\0') {
        int r = output_open(&streams->error, request->uid, request->gid, ret_error_fd);
        if (r < 0)
            return r;
    }
    *ret_output_fd = TAKE_FD(output_fd);
    return 0;
}

// Copies output until the main process has ended; what its children may still write then is not waited for.
static void watch(Streams *streams, int pidfd) {
    for (;;) {
        struct pollfd fds[] = {
            { .fd = pidfd, .events = POLLIN },
            { .fd = streams->output.pipe_fd, .events = POLLIN },
            { .fd = streams->error.pipe_fd, .events = POLLIN },
        };

        // With nothing to copy the wait itself will do.
        if ((fds[1].fd < 0 && fds[2].fd < 0) || (poll(fds, 3, -1) < 0 && errno != EINTR) || fds[0].revents)
            return;
        if (fds[1].revents)
            (void)output_copy(&streams->output, SIZE_MAX);
        if (fds[2].revents)
            (void)output_copy(&streams->error, SIZE_MAX);
    }
}

static int wait_for(pid_t pid, int pidfd, LaunchRecord *record) {
    ProcessEnd end;

    int r = process_end_wait(pid, pidfd, &end);
    if (r < 0)
        return r;
    record->end_realtime = clock_realtime();
    record->end_boottime = clock_boottime();
    // That of a child that did not get to its program is of our own making.
    record->wait_status = record->step == LAUNCH_STEP_NONE ? end.wait_status : 0;
    record->user_usec = end.user_usec;
    record->system_usec = end.system_usec;
    record->max_resident = end.max_resident;
    return 0;
}

// The time is that of the failure: when a stop came before, that is why nothing could be started.
static void record_failure(LaunchRecord *record, LaunchStep step, int error) {
    record->step = step;
    record->error = error;
    record->end_realtime = clock_realtime();
    record->end_boottime = clock_boottime();
}

// Nothing is executed before the process has been seen to be what was asked for, and before the claim says so.
static void let_go(const Reaper *reaper, TaskStart *start, pid_t pid, int pidfd) {
    start->step = verify_process(&(Verification){ .launch = reaper->launch,
                                                  .pid = pid,
                                                  .cgroup_fd = reaper->cgroup_fd,
                                                  .output_fd = start->output_fd,
                                                  .error_fd = start->error_fd,
                                                  .privileged = reaper->privileged,
                                                  .reset_oom = reaper->reset_oom },
                                 &start->error);
    int r = start->step == LAUNCH_STEP_NONE ? claim_mark_started(reaper->claim_fd) : 0;
    if (r < 0) {
        start->step = LAUNCH_STEP_CLAIM;
        start->error = -r;
    }
    if (start->step == LAUNCH_STEP_NONE) {
        task_release(start);
        return;
    }
    // One that somebody has killed meanwhile is not what it should be any more, and its end says why.
    bool killed = process_end_has_begun(pid);
    task_discard(start, pidfd);
    if (killed) {
        start->step = LAUNCH_STEP_NONE;
        start->error = 0;
    }
}

// Starts the task and returns its pid, or 0 when there is none and the record says why.
static pid_t start_task(const Reaper *reaper, Streams *streams, LaunchRecord *record, int *ret_pidfd) {
    const LaunchRequest *request = reaper->launch->request;
    AUTO_CLOSE int output_fd = -1, error_fd = -1;

    record->start_realtime = clock_realtime();
    record->start_boottime = clock_boottime();
    if (!reaper->privileged && request->uid != geteuid()) {
        record_failure(record, LAUNCH_STEP_REQUEST, EPERM);
        return 0;
    }
    int r = reaper->identities ? identity_look_up(reaper->identities, reaper->launch) : 0;
    if (r < 0) {
        record_failure(record, LAUNCH_STEP_USER, -r);
        return 0;
    }
    r = streams_open(streams, reaper->launch, &output_fd, &error_fd);
    if (r < 0) {
        record_failure(record, LAUNCH_STEP_PIPE, -r);
        return 0;
    }

    TaskStart start = {
        .launch = reaper->launch,
        .output_fd = output_fd,
        .error_fd = error_fd,
        .privileged = reaper->privileged,
        .reset_oom = reaper->reset_oom,
    };
    bool ready = false;
    pid_t pid = task_prepare(&start, reaper->cgroup_fd, reaper->stack, ret_pidfd, &ready);
    if (pid < 0) {
        record_failure(record, LAUNCH_STEP_CLONE, -pid);
        return 0;
    }
    if (ready)
        let_go(reaper, &start, pid, *ret_pidfd);
    record->pid = pid;
    record->step = start.step;
    record->error = start.error;
    return pid;
}

static int run_task(const Reaper *reaper, Streams *streams, LaunchRecord *record) {
    AUTO_CLOSE int pidfd = -1;

    pid_t pid = start_task(reaper, streams, record, &pidfd);
    (void)close(reaper->cgroup_fd);
    if (pid == 0)
        return 0;
    if (record->step == LAUNCH_STEP_NONE)
        watch(streams, pidfd);
    int r = wait_for(pid, pidfd, record);
    if (r < 0)
        return log_errno(LOG_ERR, r, "Cannot wait for process %d", pid);
    output_drain(&streams->output);
    output_drain(&streams->error);
    output_flush(&streams->output);
    output_flush(&streams->error);
    record->stdout_kept = streams->output.kept;
    record->stdout_dropped = streams->output.dropped;
    record->stderr_kept = streams->error.kept;
    record->stderr_dropped = streams->error.dropped;
    return 0;
}

// That of the launcher may have been lowered meanwhile. The task gets its own.
static void raise_descriptor_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int reaper_run(Reaper *reaper) {
    LaunchRecord record;
    Streams streams;

    raise_descriptor_limit();
    int r = claim_surely(reaper);
    if (r < 0)
        return r == -EEXIST ? EXIT_SUCCESS : EXIT_FAILURE;
    (void)prctl(PR_SET_NAME, "corral-reaper");
    record_init(&record, reaper);
    streams_init(&streams, reaper);
    r = run_task(reaper, &streams, &record);
    streams_deinit(&streams);
    // A status that is not known is not made up: the claim stays, and the attempt is lost.
    if (r >= 0)
        r = record_write_surely(reaper, &record);
    reaper->claim_fd = close_fd(reaper->claim_fd);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
