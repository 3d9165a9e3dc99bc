// SPDX-License-Identifier: LGPL-2.1-or-later
// Each fact is told once, and only when it is one: lines about jobs wait for the commit of their turn.
#include "agent/journal.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#define TEXT_MAX 512
#define FIELDS_MAX 16
#define LINES_MAX 100000 // of one turn; what is more is not told

static const struct {
    int priority;
    const char *message_id;
} events[_EVENT_LAST + 1] = {
    [EVENT_JOB_FAILED] = { LOG_NOTICE, "cd05c1ea3b6e48829c9d737716cf09c4" },
    [EVENT_JOB_CANCELED] = { LOG_INFO, "068edabd53ae4cf4be03d7c9b6b07037" },
    [EVENT_LAUNCH_FAILED] = { LOG_WARNING, "0dbd6d6ad34a48268b9e0291188ab52e" },
    [EVENT_OUT_OF_MEMORY] = { LOG_WARNING, "5d2559cacb9d4cc18ace061701116b76" },
    [EVENT_LOST] = { LOG_WARNING, "6b1bf7cdef1a4733bde3dbffc6c740e6" },
    [EVENT_HOST_RESTARTED] = { LOG_NOTICE, "cae62b7517c145a79e561f787909bb54" },
    [EVENT_SYSTEM_ERROR] = { LOG_WARNING, "2c9cf5b52143451884ecd5a1ed8f5108" },
    [EVENT_UNKILLABLE] = { LOG_ERR, "67571f8c315e408fad34097057dd5962" },
    [EVENT_ORPHAN_KILLED] = { LOG_WARNING, "d2b3bcfeb5bf454e990a9e13cf1435f5" },
    [EVENT_STORE_FAILED] = { LOG_ERR, "038c65d7bf4444a890ee28bb90225a7f" },
    [EVENT_STORE_BACK] = { LOG_NOTICE, "9ba44dc307ac4e0bb8b15107ccf1f1d8" },
    [EVENT_LAUNCHER_LOST] = { LOG_WARNING, "a7a40397df0249aa965a536abeb51320" },
    [EVENT_TREE_CLOSED] = { LOG_WARNING, "93a97ece65de42169dcc8c0c6c636c9e" },
    [EVENT_TREE_OPEN] = { LOG_NOTICE, "2679e470289547b0979361cf39030eb6" },
};

const char *event_message_id(Event event) {
    return events[event].message_id;
}

// Which job, and which part of it; everything may be 0 or empty. By value, so that it outlives what it tells of.
typedef struct Subject {
    uint64_t job;
    uint32_t task, run, attempt;
    char cause[32], user[64], actor[64];
} Subject;

typedef struct Line {
    Event event;
    Subject subject;
    char text[TEXT_MAX];
} Line;

struct Journal {
    Agent *agent;
    Line *lines;
    size_t n, allocated;
};

int journal_new(Agent *agent, Journal **ret) {
    Journal *journal = calloc(1, sizeof *journal);

    if (!journal)
        return -ENOMEM;
    journal->agent = agent;
    *ret = journal;
    return 0;
}

Journal *journal_free(Journal *journal) {
    if (!journal)
        return NULL;
    free(journal->lines);
    free(journal);
    return NULL;
}

// ---- writing ----

typedef struct Fields {
    struct iovec parts[FIELDS_MAX];
    int n;
} Fields;

static void add_field(Fields *fields, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_field(Fields *fields, const char *format, ...) {
    va_list arguments;
    char *text;

    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (n < 0)
        return;
    if (fields->n == FIELDS_MAX) {
        free(text);
        return;
    }
    fields->parts[fields->n++] = (struct iovec){ .iov_base = text, .iov_len = (size_t)n };
}

static void add_number(Fields *fields, const char *name, uint64_t number) {
    if (number != 0)
        add_field(fields, "%s=%" PRIu64, name, number);
}

static void add_text(Fields *fields, const char *name, const char *text) {
    if (text[0])
        add_field(fields, "%s=%s", name, text);
}

static void send_to_journal(Event event, const Subject *subject, const char *text) {
    Fields fields = { 0 };

    add_field(&fields, "MESSAGE=%s", text);
    add_field(&fields, "PRIORITY=%d", events[event].priority);
    add_field(&fields, "MESSAGE_ID=%s", events[event].message_id);
    add_number(&fields, "JOB_ID", subject->job);
    add_number(&fields, "TASK_ID", subject->task);
    add_number(&fields, "CORRAL_RUN", subject->run);
    add_number(&fields, "CORRAL_ATTEMPT", subject->attempt);
    add_text(&fields, "CORRAL_CAUSE", subject->cause);
    add_text(&fields, "CORRAL_USER", subject->user);
    add_text(&fields, "CORRAL_ACTOR", subject->actor);
    int r = sd_journal_sendv(fields.parts, fields.n);
    if (r < 0)
        log_line(events[event].priority, "%s", text);
    for (int i = 0; i < fields.n; i++)
        free(fields.parts[i].iov_base);
}

static void write_line(Event event, const Subject *subject, const char *text) {
    if (!log_is_wanted(events[event].priority))
        return;
    if (log_to_journal())
        send_to_journal(event, subject, text);
    else
        log_line(events[event].priority, "%s", text);
}

void journal_commit(Journal *journal) {
    for (size_t i = 0; i < journal->n; i++)
        write_line(journal->lines[i].event, &journal->lines[i].subject, journal->lines[i].text);
    journal_forget(journal);
}

void journal_forget(Journal *journal) {
    journal->n = 0;
    if (journal->allocated > 1024) { // after a large turn
        free(journal->lines);
        journal->lines = NULL;
        journal->allocated = 0;
    }
}

// ---- what is told ----

static void add(Journal *journal, Event event, const Subject *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(Journal *journal, Event event, const Subject *subject, const char *format, ...) {
    va_list arguments;

    if (!journal || journal->n == LINES_MAX || !log_is_wanted(events[event].priority))
        return;
    if (journal->n == journal->allocated) {
        size_t allocated = journal->allocated ? 2 * journal->allocated : 16;
        Line *lines = reallocarray(journal->lines, allocated, sizeof *lines);
        if (!lines)
            return; // a line less; the records have it
        journal->lines = lines;
        journal->allocated = allocated;
    }
    Line *line = &journal->lines[journal->n++];
    line->event = event;
    line->subject = *subject;
    va_start(arguments, format);
    (void)vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
}

static Subject subject_of(const Job *job) {
    Subject subject = { .job = job->record.id, .run = job->record.runs };

    (void)snprintf(subject.user, sizeof subject.user, "%s", job->record.user ? job->record.user : "");
    (void)snprintf(subject.actor, sizeof subject.actor, "%s", job->record.canceled_by ? job->record.canceled_by : "");
    if (job->record.cause != CAUSE_NONE)
        (void)snprintf(subject.cause, sizeof subject.cause, "%s", cause_name(job->record.cause));
    return subject;
}

void journal_job(const Job *job, Event event, const char *text) {
    Subject subject = subject_of(job);

    add(job->agent->journal, event, &subject, "job %" PRIu64 ": %s", job->record.id, text);
}

void journal_attempt(const Attempt *attempt, Event event, Cause cause, const char *text) {
    const AttemptKey *key = &attempt->record.key;
    const Job *job = attempt->task->job;
    Subject subject = subject_of(job);

    subject.task = key->task;
    subject.run = key->run;
    subject.attempt = key->attempt;
    (void)snprintf(subject.cause, sizeof subject.cause, "%s", cause == CAUSE_NONE ? "" : cause_name(cause));
    add(job->agent->journal, event, &subject, "job %" PRIu64 " task %u: %s", key->job, key->task, text);
}

void journal_orphan(const Agent *agent, const char *path) {
    add(agent->journal, EVENT_ORPHAN_KILLED, &(Subject){ 0 },
        "cgroup jobs/%s belongs to nothing on record: killing what runs in it", path);
}

void journal_agent(Event event, const char *format, ...) {
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(event, &(Subject){ 0 }, text);
}
