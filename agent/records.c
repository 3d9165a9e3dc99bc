// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/records.h"

#include "agent/attempt.h"
#include "agent/garbage.h"
#include "agent/jobs.h"
#include "agent/launcher/claim.h"
#include "agent/timer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/shortage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_FIRST (100 * USEC_PER_MSEC)
#define PAUSE_LAST (5 * USEC_PER_SEC)

struct Records {
    Agent *agent;
    int fd;
    int inotify_fd;
    uint64_t pause;
    sd_event_source *source, *again_source;
};

int records_fd(const Records *records) {
    return records->fd;
}

static int open_listing(const Records *records, DIR **ret) {
    int fd = openat(records->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        int r = -errno;
        close_fd(fd);
        return log_errno(LOG_ERR, r, "cannot list the records directory");
    }
    *ret = dir;
    return 0;
}

int records_read(const Records *records, const AttemptKey *key, LaunchRecord *ret) {
    char name[ATTEMPT_NAME_MAX];
    LaunchRecord record;

    AUTO_CLOSE int fd = openat(records->fd, attempt_file_name(name, key, RECORD_SUFFIX),
                               O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, &record, sizeof record);
    if (n < 0)
        return -errno;
    if (!launch_record_is_valid(&record, (size_t)n, key))
        return -EBADMSG;
    *ret = record;
    return 0;
}

static bool has_record(const Records *records, const AttemptKey *key) {
    char name[ATTEMPT_NAME_MAX];

    return faccessat(records->fd, attempt_file_name(name, key, RECORD_SUFFIX), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

// operation: with LOCK_NB a claim that is locked belongs to somebody who lives; without it the lock is waited for.
static int find_owner(const Records *records, const AttemptKey *key, int operation, ClaimState *ret) {
    char name[ATTEMPT_NAME_MAX];
    int mark;

    AUTO_CLOSE int fd =
        openat(records->fd, attempt_file_name(name, key, CLAIM_SUFFIX), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return -errno;
    while (fd >= 0 && flock(fd, LOCK_SH | operation) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return -errno;
        *ret = CLAIM_ALIVE;
        return 0;
    }
    // Not there any more, or not locked: the reaper has finished its record or died, whichever the directory says, with
    // a mark that says how far it had come. Or it was taken by an agent that died before it could say so.
    if (has_record(records, key)) {
        *ret = CLAIM_RECORD;
        return 0;
    }
    mark = fd < 0 ? CLAIM_MARK_STARTED : claim_read_mark(fd);
    *ret = mark == CLAIM_MARK_NONE || mark == CLAIM_MARK_TAKEN ? CLAIM_TAKEN : CLAIM_DEAD;
    return 0;
}

int records_claim(const Records *records, const AttemptKey *key, ClaimState *ret) {
    if (has_record(records, key)) {
        *ret = CLAIM_RECORD;
        return 0;
    }
    int r = claim_take(records->fd, key);
    if (r == -EEXIST)
        return find_owner(records, key, LOCK_NB, ret);
    if (r >= 0)
        *ret = CLAIM_TAKEN;
    return r;
}

// A file of an attempt that is over: its reaper could not end before, or came too late to launch it. Or the attempt has
// ended in this turn, and the file is all that tells of it until the turn is committed.
static void remove_late(const Records *records, const AttemptKey *key, const char *suffix) {
    if (!records->agent->store_failed) // else it is not over, but cannot be recorded yet
        garbage_add_attempt(records->agent->garbage, key, suffix);
}

static void on_record(Records *records, const AttemptKey *key) {
    Attempt *attempt = attempt_find(records->agent->jobs, key);
    LaunchRecord record;

    if (!attempt)
        remove_late(records, key, RECORD_SUFFIX);
    if (!attempt || attempt->end_known)
        return;
    int r = records_read(records, key, &record);
    if (r < 0)
        log_errno(LOG_ERR, r, "job %llu task %u: cannot read the record of attempt %u", (unsigned long long)key->job,
                  key->task, key->attempt);
    if (is_shortage(r))
        records_look_again(records);
    else
        attempt_end_known(attempt, r < 0 ? END_LOST : END_RECORDED, &record);
}

// A claim was closed and is still a claim: its reaper is dead, or the launcher before it had one.
static void on_claim(Records *records, const AttemptKey *key, int operation) {
    Attempt *attempt = attempt_find(records->agent->jobs, key);
    ClaimState state;

    if (attempt && attempt->end_known)
        return;
    if (find_owner(records, key, operation, &state) < 0) {
        records_look_again(records);
        return;
    }
    if (!attempt) {
        if (state == CLAIM_TAKEN || state == CLAIM_DEAD)
            remove_late(records, key, CLAIM_SUFFIX);
        return;
    }
    switch (state) {
    case CLAIM_TAKEN:
        attempt_end_known(attempt, END_NEVER_LAUNCHED, NULL);
        break;
    case CLAIM_DEAD:
        attempt_end_known(attempt, END_LOST, NULL);
        break;
    case CLAIM_RECORD:
        on_record(records, key);
        break;
    case CLAIM_ALIVE:
        break;
    }
}

// Events were dropped by the kernel, or came to nothing: look at every running attempt instead.
static void look_at_all(Records *records) {
    struct dirent *entry;
    AttemptKey key;
    DIR *dir;

    if (open_listing(records, &dir) < 0) {
        records_look_again(records);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        if (attempt_parse_file_name(entry->d_name, RECORD_SUFFIX, &key) == 0)
            on_record(records, &key);
        else if (attempt_parse_file_name(entry->d_name, CLAIM_SUFFIX, &key) == 0)
            on_claim(records, &key, LOCK_NB);
    closedir(dir);
}

static void on_event(Records *records, const struct inotify_event *event) {
    AttemptKey key;

    if (event->mask & IN_Q_OVERFLOW)
        look_at_all(records);
    else if (event->len == 0)
        return;
    else if (attempt_parse_file_name(event->name, RECORD_SUFFIX, &key) == 0)
        on_record(records, &key);
    else if (attempt_parse_file_name(event->name, CLAIM_SUFFIX, &key) == 0)
        on_claim(records, &key, 0); // told of the close a moment before the lock is gone: that moment is waited for
}

void records_drain(Records *records) {
    _Alignas(struct inotify_event) char buffer[16384];
    ssize_t n;

    while ((n = read(records->inotify_fd, buffer, sizeof buffer)) > 0)
        for (const char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (const void *)at;
            on_event(records, event);
            at += sizeof *event + event->len;
        }
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        log_errno(LOG_ERR, -errno, "cannot read events of the records directory");
    agent_touch(records->agent);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    (void)source;
    (void)fd;
    (void)events;
    records_drain(userdata);
    return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
    Records *records = userdata;
    int armed = SD_EVENT_OFF;

    (void)usec;
    attempts_prevent_again(records->agent->jobs);
    look_at_all(records);
    if (sd_event_source_get_enabled(source, &armed) < 0 || armed == SD_EVENT_OFF)
        records->pause = PAUSE_FIRST;
    agent_touch(records->agent);
    return 0;
}

void records_look_again(Records *records) {
    if (timer_is_set(records->again_source))
        return;
    int r = timer_set(records->agent->event, &records->again_source, records->pause, 0, on_again, records);
    if (r < 0)
        log_errno(LOG_ERR, r, "cannot set a timer; what has ended is known after a restart");
    records->pause = 2 * records->pause < PAUSE_LAST ? 2 * records->pause : PAUSE_LAST;
}

static bool is_unnamed(const char *name) {
    return strncmp(name, CLAIM_UNNAMED_PREFIX, strlen(CLAIM_UNNAMED_PREFIX)) == 0;
}

int records_sweep(const Records *records, bool (*keep)(const AttemptKey *key, void *userdata), void *userdata) {
    Garbage *garbage = records->agent->garbage;
    struct dirent *entry;
    AttemptKey key;
    DIR *dir;

    int r = open_listing(records, &dir);
    if (r < 0)
        return r;
    while ((entry = readdir(dir)) != NULL)
        if (is_unnamed(entry->d_name))
            claim_remove_unnamed(records->fd, entry->d_name);
        else if (attempt_parse_file_name(entry->d_name, RECORD_SUFFIX, &key) == 0 && !keep(&key, userdata))
            garbage_add_attempt(garbage, &key, RECORD_SUFFIX);
        else if (attempt_parse_file_name(entry->d_name, CLAIM_SUFFIX, &key) == 0 && !keep(&key, userdata))
            garbage_add_attempt(garbage, &key, CLAIM_SUFFIX);
    closedir(dir);
    return 0;
}

void records_sweep_unnamed(const Records *records) {
    struct dirent *entry;
    DIR *dir;

    if (open_listing(records, &dir) < 0)
        return;
    while ((entry = readdir(dir)) != NULL)
        if (is_unnamed(entry->d_name))
            claim_remove_unnamed(records->fd, entry->d_name);
    closedir(dir);
}

int records_new(Agent *agent, Records **ret) {
    Records *records = calloc(1, sizeof *records);
    char path[64];
    int r;

    if (!records)
        return -ENOMEM;
    records->agent = agent;
    records->pause = PAUSE_FIRST;
    records->fd = records->inotify_fd = -1;

    if (mkdirat(agent->runtime_fd, "records", 0700) < 0 && errno != EEXIST)
        goto fail;
    records->fd = file_open_directory_at(agent->runtime_fd, "records");
    if (records->fd < 0) {
        errno = -records->fd;
        goto fail;
    }
    records->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (records->inotify_fd < 0)
        goto fail;
    snprintf(path, sizeof path, "/proc/self/fd/%d", records->fd);
    if (inotify_add_watch(records->inotify_fd, path, IN_CLOSE_WRITE | IN_ONLYDIR) < 0)
        goto fail;
    r = sd_event_add_io(agent->event, &records->source, records->inotify_fd, EPOLLIN, on_readable, records);
    // Made now, so that the timer is there when nothing can be made any more.
    if (r >= 0)
        r = sd_event_add_time_relative(agent->event, &records->again_source, CLOCK_BOOTTIME, 0, 0, on_again, records);
    if (r >= 0)
        r = sd_event_source_set_enabled(records->again_source, SD_EVENT_OFF);
    if (r < 0) {
        errno = -r;
        goto fail;
    }
    *ret = records;
    return 0;

fail:
    r = -errno;
    records_free(records);
    return r;
}

Records *records_free(Records *records) {
    if (!records)
        return NULL;
    sd_event_source_disable_unref(records->source);
    sd_event_source_disable_unref(records->again_source);
    close_fd(records->inotify_fd);
    close_fd(records->fd);
    free(records);
    return NULL;
}
