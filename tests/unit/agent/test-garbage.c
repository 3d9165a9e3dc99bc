// SPDX-License-Identifier: LGPL-2.1-or-later
// In which order what is over is removed. Plain directories stand for cgroups: one with a file in it is as busy as one
// with a process.
#include "agent/garbage.h"

#include "agent/records.h"
#include "base/cleanup.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static Agent agent;

static void start(void) {
    agent.runtime_fd = agent.cgroup_jobs_fd = open(scratch_make(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(sd_event_new(&agent.event), 0);
    cr_assert_geq(sd_event_add_defer(agent.event, &agent.commit_source, NULL, NULL), 0);
    cr_assert_geq(sd_event_source_set_enabled(agent.commit_source, SD_EVENT_OFF), 0);
    cr_assert_eq(garbage_new(&agent, &agent.garbage), 0);
    cr_assert_eq(records_new(&agent, &agent.records), 0);
}

static void stop(void) {
    agent.records = records_free(agent.records);
    agent.garbage = garbage_free(agent.garbage);
    (void)unlinkat(agent.runtime_fd, "records", AT_REMOVEDIR);
    close_fd(agent.runtime_fd);
    sd_event_source_disable_unref(agent.commit_source);
    sd_event_unref(agent.event);
    scratch_remove();
}

TestSuite(garbage, .init = start, .fini = stop, .timeout = 30);

static void make(int dir_fd, const char *path) {
    int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0, "%s", path);
    close_fd(fd);
}

static bool exists(int dir_fd, const char *path) {
    return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_busy_cgroup(void) {
    cr_assert_eq(mkdirat(agent.cgroup_jobs_fd, "1.1", 0700), 0);
    cr_assert_eq(mkdirat(agent.cgroup_jobs_fd, "1.1/2.3", 0700), 0);
    make(agent.cgroup_jobs_fd, "1.1/2.3/process");
}

static void collect(void) {
    garbage_commit(agent.garbage);
    garbage_collect(agent.garbage);
}

static bool keep_none(const AttemptKey *key, void *userdata) {
    (void)userdata;
    cr_assert_eq(key->job, 1);
    return false;
}

// A launch that nobody has read yet may still come: only the claim keeps it out of the cgroup.
Test(garbage, the_claim_stays_as_long_as_the_cgroup) {
    static const char *const names[] = { "1.1.2.3.claim", "1.1.2.3.record" };

    for (size_t i = 0; i < 2; i++) {
        make_busy_cgroup();
        make(records_fd(agent.records), names[i]);
        cr_assert_eq(records_sweep(agent.records, keep_none, NULL), 0);
        cr_assert(exists(records_fd(agent.records), names[i]), "before the commit");
        collect();
        cr_assert(exists(records_fd(agent.records), names[i]), "while the cgroup is busy");
        cr_assert_eq(unlinkat(agent.cgroup_jobs_fd, "1.1/2.3/process", 0), 0);
        collect();
        cr_assert_not(exists(agent.cgroup_jobs_fd, "1.1/2.3"));
        cr_assert_not(exists(records_fd(agent.records), names[i]));
        cr_assert_eq(unlinkat(agent.cgroup_jobs_fd, "1.1", AT_REMOVEDIR), 0);
    }
}

static void limit_descriptors(rlim_t soft) {
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft == 0 ? limit.rlim_max : soft;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(garbage, waits_for_descriptors) {
    AttemptKey key = { .job = 1, .run = 1, .task = 2, .attempt = 3 };

    make_busy_cgroup();
    cr_assert_eq(unlinkat(agent.cgroup_jobs_fd, "1.1/2.3/process", 0), 0);
    make(records_fd(agent.records), "1.1.2.3.claim");
    garbage_add_attempt(agent.garbage, &key, CLAIM_SUFFIX);
    limit_descriptors(3);
    collect();
    limit_descriptors(0);
    cr_assert(exists(records_fd(agent.records), "1.1.2.3.claim"));
    collect();
    cr_assert_not(exists(agent.cgroup_jobs_fd, "1.1/2.3"));
    cr_assert_not(exists(records_fd(agent.records), "1.1.2.3.claim"));
    cr_assert_eq(unlinkat(agent.cgroup_jobs_fd, "1.1", AT_REMOVEDIR), 0);
}

// What a launcher left that was killed between making a claim and naming it.
Test(garbage, claims_that_never_got_a_name) {
    make(records_fd(agent.records), "new.12345");
    records_sweep_unnamed(agent.records);
    cr_assert_not(exists(records_fd(agent.records), "new.12345"));
    make(records_fd(agent.records), "new.12345");
    cr_assert_eq(records_sweep(agent.records, keep_none, NULL), 0);
    cr_assert_not(exists(records_fd(agent.records), "new.12345"));
}
