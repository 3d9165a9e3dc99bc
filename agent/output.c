// SPDX-License-Identifier: LGPL-2.1-or-later
// The reaper makes the file of a stream with its first byte and only ever appends to it. A follower at the end of the
// file waits for an event of inotify on it, or on the directory while the file is not there yet.
#include "agent/output.h"

#include "agent/jobs.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/queue.h>
#include <unistd.h>

#define PIECE_SIZE 65536
#define PIECES_PER_TURN 4

typedef struct Follower {
    Followers *followers;
    IpcCall *call;
    AttemptKey key; // attempt 0: not started yet
    const char *suffix;
    uint64_t offset;
    bool ended; // the file grows no more
    int watch;  // of inotify, -1: none
    bool woken;
    sd_event_source *again;
    TAILQ_ENTRY(Follower) entry;
} Follower;

struct Followers {
    Agent *agent;
    int inotify_fd; // -1 until somebody follows
    int directory_watch;
    sd_event_source *source;
    TAILQ_HEAD(, Follower) all;
};

// ---- watches, each shared by those who wait for the same ----

static void unwatch(Follower *follower) {
    Followers *followers = follower->followers;
    int watch = follower->watch;
    const Follower *other;

    follower->watch = -1;
    if (watch < 0)
        return;
    TAILQ_FOREACH (other, &followers->all, entry)
        if (other->watch == watch)
            return;
    (void)inotify_rm_watch(followers->inotify_fd, watch); // gone already when the file is
    if (watch == followers->directory_watch)
        followers->directory_watch = -1;
}

// Waits for the file to grow, or to be made. 1 when the watch is new: what came before it has to be looked for again.
static int watch(Follower *follower, bool file_exists) {
    Followers *followers = follower->followers;
    char name[ATTEMPT_NAME_MAX], path[ATTEMPT_NAME_MAX + 32];

    if (follower->watch >= 0 && (follower->watch == followers->directory_watch) == !file_exists)
        return 0;
    unwatch(follower);
    int fd = followers->agent->output_fd;
    if (file_exists)
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", fd,
                       attempt_file_name(name, &follower->key, follower->suffix));
    else
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int added = inotify_add_watch(followers->inotify_fd, path, file_exists ? IN_MODIFY : IN_CREATE);
    if (added < 0)
        return -errno;
    follower->watch = added;
    if (!file_exists)
        followers->directory_watch = added;
    return 1;
}

// ---- the life of a follower ----

static void follower_free(Follower *follower) {
    unwatch(follower);
    TAILQ_REMOVE(&follower->followers->all, follower, entry);
    sd_event_source_disable_unref(follower->again);
    free(follower);
}

// The follower is gone before the call is over, so that nobody meets it any more.
static void finish(Follower *follower, int error) {
    IpcCall *call = follower->call;
    uint64_t offset = follower->offset;

    ipc_call_on_gone(call, NULL, NULL);
    ipc_call_on_drained(call, NULL, NULL);
    follower_free(follower);
    if (error < 0)
        (void)ipc_call_error(call, "io.corral.Jobs.InternalError", json_pack("{s:s}", "reason", strerror(-error)));
    else
        (void)ipc_call_reply(call, json_pack("{s:s, s:I}", "data", "", "offset", (json_int_t)offset));
}

// ---- reading ----

static size_t encode_base64(const uint8_t *data, size_t size, char *ret) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = 0;

    for (size_t i = 0; i < size; i += 3) {
        size_t rest = size - i;
        uint32_t bits =
            (uint32_t)data[i] << 16 | (rest > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (rest > 2 ? data[i + 2] : 0);
        ret[length++] = digits[bits >> 18];
        ret[length++] = digits[bits >> 12 & 63];
        ret[length++] = rest > 1 ? digits[bits >> 6 & 63] : '=';
        ret[length++] = rest > 2 ? digits[bits & 63] : '=';
    }
    return length;
}

// -1 when the file is not there.
static int open_file(const Follower *follower, int *ret_fd) {
    char name[ATTEMPT_NAME_MAX];

    if (follower->key.attempt == 0) {
        *ret_fd = -1;
        return 0;
    }
    int fd = openat(follower->followers->agent->output_fd, attempt_file_name(name, &follower->key, follower->suffix),
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return -errno;
    *ret_fd = fd;
    return 0;
}

// Sends the next piece. 1; 0 when there is none now; negative errno.
static int send_piece(Follower *follower, int fd) {
    static uint8_t piece[PIECE_SIZE];
    static char text[(PIECE_SIZE + 2) / 3 * 4];
    ssize_t n;

    if (fd < 0)
        return 0;
    do
        n = pread(fd, piece, sizeof piece, (off_t)follower->offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    size_t length = encode_base64(piece, (size_t)n, text);
    json_t *reply = json_pack("{s:s%, s:I}", "data", text, length, "offset", (json_int_t)follower->offset);
    follower->offset += (uint64_t)n;
    int r = ipc_call_reply_more(follower->call, reply);
    return r < 0 ? r : 1;
}

// As much as may be told now: until the client is congested, the turn has been long enough, or nothing is left; then
// LATER or a watch brings it back. 1 when all is told; negative errno.
static int tell(Follower *follower, int fd) {
    int pieces = 0;

    while (!ipc_call_congested(follower->call)) {
        int r = send_piece(follower, fd);
        if (r < 0)
            return r;
        if (r > 0 && ++pieces == PIECES_PER_TURN)
            return sd_event_source_set_enabled(follower->again, SD_EVENT_ONESHOT);
        if (r > 0)
            continue;
        if (follower->ended)
            return 1;
        if (follower->key.attempt == 0)
            return 0; // followers_notify() comes
        r = watch(follower, fd >= 0);
        if (r < 0)
            return r;
        if (r == 0)
            return 0;
        if (fd < 0)
            return sd_event_source_set_enabled(follower->again, SD_EVENT_ONESHOT); // it may have been made meanwhile
    }
    return 0;
}

static void pump(Follower *follower) {
    Agent *agent = follower->followers->agent;
    AUTO_CLOSE int fd = -1;

    follower->woken = false;
    int r = open_file(follower, &fd);
    if (r >= 0)
        r = tell(follower, fd);
    if (r != 0)
        finish(follower, r);
    agent_touch(agent);
}

static void pump_woken(Followers *followers) {
    for (Follower *follower = TAILQ_FIRST(&followers->all), *next; follower; follower = next) {
        next = TAILQ_NEXT(follower, entry);
        if (follower->woken)
            pump(follower);
    }
}

static int on_again(sd_event_source *source, void *userdata) {
    (void)source;
    pump(userdata);
    return 0;
}

static void on_drained(IpcCall *call, void *userdata) {
    Follower *follower = userdata;

    (void)call;
    (void)sd_event_source_set_enabled(follower->again, SD_EVENT_ONESHOT);
}

static void on_gone(IpcCall *call, void *userdata) {
    (void)call;
    follower_free(userdata);
}

// ---- what wakes them ----

static void wake(Followers *followers, const struct inotify_event *event) {
    Follower *follower;

    TAILQ_FOREACH (follower, &followers->all, entry) {
        if (follower->watch != event->wd && !(event->mask & IN_Q_OVERFLOW))
            continue;
        follower->woken = true;
        if (event->mask & IN_IGNORED)
            follower->watch = -1;
    }
    if ((event->mask & IN_IGNORED) && event->wd == followers->directory_watch)
        followers->directory_watch = -1;
}

static int on_inotify(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    _Alignas(struct inotify_event) char buffer[4096];
    Followers *followers = userdata;

    (void)source;
    (void)events;
    ssize_t n = read(fd, buffer, sizeof buffer); // what is left makes it ready again
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        log_errno(LOG_ERR, -errno, "cannot hear of new output");
    for (ssize_t i = 0; i < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + i);
        wake(followers, event);
        i += (ssize_t)(sizeof *event + event->len);
    }
    pump_woken(followers);
    return 0;
}

static bool is_same_attempt(const AttemptKey *a, const AttemptKey *b) {
    return a->job == b->job && a->run == b->run && a->task == b->task && a->attempt == b->attempt;
}

void output_attempt_ended(Agent *agent, const AttemptKey *key) {
    Followers *followers = agent->followers;
    Follower *follower;

    if (!followers)
        return;
    TAILQ_FOREACH (follower, &followers->all, entry)
        if (is_same_attempt(&follower->key, key)) {
            follower->ended = true;
            (void)sd_event_source_set_enabled(follower->again, SD_EVENT_ONESHOT);
        }
}

// Finds out whether the task has started, or is over without ever having. 1 when something is known now.
static int look_for_start(Follower *follower) {
    const Agent *agent = follower->followers->agent;
    const Job *job = jobs_find(agent->jobs, follower->key.job);
    const Task *task = job ? job_find_task(job, follower->key.task) : NULL;

    if (task && task->attempt) {
        follower->key = task->attempt->record.key;
        return 1;
    }
    if (task && !status_is_terminal(task->record.status))
        return 0;
    // Over, perhaps within one turn, or removed.
    TaskRecord record;
    if (store_get_task(agent->store, follower->key.job, follower->key.task, &record) < 0) {
        follower->ended = true;
        return 1;
    }
    AttemptRecord attempt;
    bool started =
        record.attempt > 0 && store_get_attempt(agent->store, record.job, record.id, record.attempt, &attempt) >= 0;
    follower->ended = status_is_terminal(record.status);
    task_record_deinit(&record);
    if (started) {
        follower->key = attempt.key;
        follower->ended = attempt.status != STATUS_RUNNING;
        attempt_record_deinit(&attempt);
    }
    return started || follower->ended;
}

void followers_notify(Followers *followers) {
    Follower *follower;

    TAILQ_FOREACH (follower, &followers->all, entry)
        if (follower->key.attempt == 0 && !follower->ended && look_for_start(follower))
            (void)sd_event_source_set_enabled(follower->again, SD_EVENT_ONESHOT);
}

// ---- the whole ----

int followers_new(Agent *agent, Followers **ret) {
    Followers *followers = calloc(1, sizeof *followers);

    if (!followers)
        return -ENOMEM;
    followers->agent = agent;
    followers->inotify_fd = followers->directory_watch = -1;
    TAILQ_INIT(&followers->all);
    *ret = followers;
    return 0;
}

Followers *followers_free(Followers *followers) {
    if (!followers)
        return NULL;
    while (!TAILQ_EMPTY(&followers->all))
        follower_free(TAILQ_FIRST(&followers->all));
    sd_event_source_disable_unref(followers->source);
    close_fd(followers->inotify_fd);
    free(followers);
    return NULL;
}

static int listen(Followers *followers) {
    if (followers->inotify_fd >= 0)
        return 0;
    AUTO_CLOSE int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = sd_event_add_io(followers->agent->event, &followers->source, fd, EPOLLIN, on_inotify, followers);
    if (r < 0)
        return r;
    followers->inotify_fd = TAKE_FD(fd);
    return 0;
}

int followers_add(Followers *followers, IpcCall *call, const OutputRequest *request) {
    int r = request->follow ? listen(followers) : 0;
    if (r < 0)
        return r;
    Follower *follower = calloc(1, sizeof *follower);
    if (!follower)
        return -ENOMEM;
    *follower = (Follower){ .followers = followers,
                            .call = call,
                            .key = request->key,
                            .suffix = request->suffix,
                            .offset = request->offset,
                            .ended = !request->follow,
                            .watch = -1 };
    TAILQ_INSERT_TAIL(&followers->all, follower, entry);
    r = sd_event_add_defer(followers->agent->event, &follower->again, on_again, follower);
    if (r >= 0)
        r = sd_event_source_set_enabled(follower->again, SD_EVENT_OFF);
    if (r < 0) {
        follower_free(follower);
        return r;
    }
    ipc_call_on_gone(call, on_gone, follower);
    ipc_call_on_drained(call, on_drained, follower);
    pump(follower);
    return 0;
}
