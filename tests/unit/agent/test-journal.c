// SPDX-License-Identifier: LGPL-2.1-or-later
// The lines for administrators: each has an explanation in the catalog, and comes with the commit or not at all.
#include "agent/journal.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *read_catalog(void) {
    static char text[65536];
    AUTO_CLOSE int fd = open(CORRAL_SOURCE "/packaging/systemd/corral.catalog", O_RDONLY | O_CLOEXEC);

    ssize_t n = read(fd, text, sizeof text - 1);
    cr_assert(n > 0 && n < (ssize_t)sizeof text - 1);
    text[n] = '\0';
    return text;
}

Test(catalog, explains_each_message) {
    const char *catalog = read_catalog();
    size_t entries = 0;
    char line[64];

    for (Event event = 0; event <= _EVENT_LAST; event++) {
        cr_expect_eq(strlen(event_message_id(event)), 32);
        (void)snprintf(line, sizeof line, "\n-- %s\nSubject: ", event_message_id(event));
        cr_expect_not_null(strstr(catalog, line), "%s", event_message_id(event));
        for (Event other = 0; other < event; other++)
            cr_expect_str_neq(event_message_id(event), event_message_id(other));
    }
    for (const char *at = catalog; (at = strstr(at, "\n-- ")) != NULL; at++)
        entries++;
    cr_expect_eq(entries, _EVENT_LAST + 1, "the catalog has entries that nobody writes");
}

// Every field that the catalog puts in is one that is written.
Test(catalog, uses_fields_that_there_are) {
    static const char *const fields[] = { "JOB_ID", "TASK_ID", "CORRAL_USER", "CORRAL_ACTOR" };

    for (const char *at = read_catalog(); (at = strchr(at, '@')) != NULL;) {
        const char *end = strchr(at + 1, '@');
        bool known = false;
        cr_assert_not_null(end);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            known |= strlen(fields[i]) == (size_t)(end - at - 1) && strncmp(at + 1, fields[i], strlen(fields[i])) == 0;
        cr_expect(known, "%.*s", (int)(end - at + 1), at);
        at = end + 1;
    }
}

// ---- lines ----

static char written[65536];

static const char *logged(void) {
    ssize_t n = pread(STDERR_FILENO, written, sizeof written - 1, 0);

    cr_assert_geq(n, 0);
    written[n] = '\0';
    return written;
}

static void set_up(void) {
    AUTO_CLOSE int fd = memfd_create("stderr", MFD_CLOEXEC);

    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(unsetenv("JOURNAL_STREAM"), 0);
}

TestSuite(journal, .init = set_up);

Test(journal, lines_of_jobs_come_with_the_commit) {
    Agent agent = { 0 };
    char user[] = "ann";
    Job job = { .agent = &agent, .record = { .id = 7, .runs = 2, .user = user } };
    Task task = { .job = &job };
    Attempt attempt = { .task = &task, .record.key = { 7, 2, 3, 1, 0 } };

    cr_assert_eq(journal_new(&agent, &agent.journal), 0);
    journal_job(&job, EVENT_JOB_FAILED, "1 of 2 tasks failed");
    journal_attempt(&attempt, EVENT_LOST, CAUSE_LOST, "lost");
    cr_expect_str_eq(logged(), "");
    journal_commit(agent.journal);
    cr_expect_str_eq(logged(), "job 7: 1 of 2 tasks failed\njob 7 task 3: lost\n");
    journal_commit(agent.journal);
    journal_job(&job, EVENT_JOB_FAILED, "never told");
    journal_forget(agent.journal);
    journal_commit(agent.journal);
    journal_orphan(&agent, "9.1/1.1");
    journal_agent(EVENT_STORE_BACK, "%s", "at once");
    journal_commit(agent.journal);
    cr_expect_str_eq(logged(), "job 7: 1 of 2 tasks failed\njob 7 task 3: lost\nat once\n"
                               "cgroup jobs/9.1/1.1 belongs to nothing on record: killing what runs in it\n");
    agent.journal = journal_free(agent.journal);
}

Test(journal, only_what_the_level_lets_through) {
    Agent agent = { 0 };
    Job job = { .agent = &agent, .record.id = 7 };

    cr_assert_eq(journal_new(&agent, &agent.journal), 0);
    log_set_level(LOG_ERR);
    journal_job(&job, EVENT_JOB_FAILED, "no");
    journal_job(&job, EVENT_UNKILLABLE, "yes");
    journal_agent(EVENT_TREE_OPEN, "no");
    journal_commit(agent.journal);
    cr_expect_str_eq(logged(), "job 7: yes\n");
    agent.journal = journal_free(agent.journal);
}

Test(journal, a_large_turn) {
    Agent agent = { 0 };
    Job job = { .agent = &agent, .record.id = 7 };

    cr_assert_eq(journal_new(&agent, &agent.journal), 0);
    for (int i = 0; i < 5000; i++)
        journal_job(&job, EVENT_JOB_FAILED, "x");
    journal_forget(agent.journal);
    journal_job(&job, EVENT_JOB_FAILED, "the next");
    journal_commit(agent.journal);
    cr_expect_str_eq(logged(), "job 7: the next\n");
    agent.journal = journal_free(agent.journal);
}
