// SPDX-License-Identifier: LGPL-2.1-or-later
// What the agent builds is what the launcher takes apart.
#include "agent/launcher/request.h"
#include "agent/spec.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const AttemptKey key = { .job = 12, .run = 3, .task = 4, .attempt = 5 };

static JobRecord job_of(uid_t uid, const char *user) {
    return (JobRecord){ .id = key.job, .user_uid = uid, .user = (char *)user };
}

static int build(const JobRecord *job, const char *job_text, const char *task_text, Buffer *packet) {
    AUTO_JSON json_t *job_spec = sample_json(job_text), *task_spec = sample_json(task_text);

    return launch_packet_build(job, job_spec, task_spec, &key, 1000, packet);
}

static Launch launch;

static void build_and_parse(const JobRecord *job, const char *job_text, const char *task_text, Buffer *packet) {
    cr_assert_eq(build(job, job_text, task_text, packet), 0);
    cr_assert_leq(buffer_size(packet), LAUNCHER_MESSAGE_MAX);
    cr_assert_eq(launch_parse((char *)buffer_bytes(packet), buffer_size(packet), &launch), 0);
}

static const char *variable(const char *name) {
    size_t length = strlen(name);
    const char *found = NULL;

    for (uint32_t i = 0; i < launch.request->n_environment; i++)
        if (strncmp(launch.environment[i], name, length) == 0 && launch.environment[i][length] == '=') {
            cr_assert_eq(found, NULL, "%s is there twice", name);
            found = launch.environment[i] + length + 1;
        }
    return found ? found : "(none)";
}

Test(launch_packet, everything) {
    JobRecord job = job_of(65534, "nobody");
    Buffer packet = BUFFER_NULL;

    build_and_parse(&job,
                    "{\"environment\":[\"A=job\",\"B=job\",\"PATH=/mine\",\"AB=x\"],\"umask\":63,"
                    "\"processLimits\":{\"nofile\":77,\"core\":0}}",
                    "{\"command\":[\"echo\",\"\",\"x y\"],\"environment\":[\"B=task\",\"C=1\",\"C=2\"],"
                    "\"workDirectory\":\"/tmp\",\"stdin\":\"in\",\"stdout\":\"out\",\"stderr\":\"err\"}",
                    &packet);
    const LaunchRequest *request = launch.request;
    cr_assert_eq(memcmp(&request->key, &key, sizeof key), 0);
    cr_assert(request->uid == 65534 && request->gid == 65534 && request->umask == 63 && request->output_max == 1000);
    cr_assert_eq(request->limits_set, 1u << RLIMIT_NOFILE | 1u << RLIMIT_CORE);
    cr_assert(request->limits[RLIMIT_NOFILE] == 77 && request->limits[RLIMIT_CORE] == 0);
    cr_assert_geq(request->n_groups, 1);
    cr_assert_eq(request->n_arguments, 3);
    cr_assert_str_eq(launch.arguments[0], "echo");
    cr_assert_str_eq(launch.arguments[1], "");
    cr_assert_str_eq(launch.arguments[2], "x y");
    cr_assert_str_eq(launch.directory, "/tmp");
    cr_assert_str_eq(launch.input, "in");
    cr_assert_str_eq(launch.output, "out");
    cr_assert_str_eq(launch.error, "err");
    cr_assert_str_eq(variable("A"), "job");
    cr_assert_str_eq(variable("AB"), "x");
    cr_assert_str_eq(variable("B"), "task");
    cr_assert_str_eq(variable("C"), "2");
    cr_assert_str_eq(variable("PATH"), "/mine");
    buffer_deinit(&packet);
}

Test(launch_packet, defaults) {
    JobRecord job = job_of(0, "root");
    Buffer packet = BUFFER_NULL;

    build_and_parse(&job, "{}", "{\"command\":[\"true\"],\"workDirectory\":null,\"stdin\":null}", &packet);
    cr_assert_eq(launch.request->umask, 022);
    cr_assert_eq(launch.request->limits_set, 0);
    cr_assert_str_eq(launch.directory, "/root");
    cr_assert_str_eq(launch.input, "");
    cr_assert_str_eq(launch.output, "");
    cr_assert_str_eq(launch.error, "");
    cr_assert_eq(launch.request->n_environment, 10);
    cr_assert_str_eq(variable("PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    cr_assert_str_eq(variable("HOME"), "/root");
    cr_assert_str_eq(variable("USER"), "root");
    cr_assert_str_eq(variable("LOGNAME"), "root");
    cr_assert_str_eq(variable("SHELL"), "/bin/bash");
    cr_assert_str_eq(variable("LANG"), "C.UTF-8");
    cr_assert_str_eq(variable("CORRAL_JOB_ID"), "12");
    cr_assert_str_eq(variable("CORRAL_RUN"), "3");
    cr_assert_str_eq(variable("CORRAL_TASK_ID"), "4");
    cr_assert_str_eq(variable("CORRAL_ATTEMPT"), "5");
    buffer_deinit(&packet);

    job = job_of(65534, "nobody");
    build_and_parse(&job, "{}", "{\"command\":[\"true\"]}", &packet);
    cr_assert_str_eq(variable("PATH"), "/usr/local/bin:/usr/bin:/bin");
    buffer_deinit(&packet);
}

Test(launch_packet, users_that_are_gone) {
    JobRecord gone = job_of(3999999999u, "alice"), number = job_of(3999999999u, "3999999999");
    Buffer packet = BUFFER_NULL;

    cr_assert_eq(build(&gone, "{}", SAMPLE_SPEC, &packet), -ENOENT);
    cr_assert_eq(buffer_size(&packet), 0);
    // One that never had a name gets no group of anybody.
    build_and_parse(&number, "{}", SAMPLE_SPEC, &packet);
    cr_assert(launch.request->uid == 3999999999u && launch.request->gid == 65534 && launch.request->n_groups == 1);
    cr_assert_eq(launch.groups[0], 65534);
    buffer_deinit(&packet);
}

static json_t *variables(const char *first_letter) {
    json_t *array = json_array();
    char text[64];

    for (unsigned i = 0; i < SPEC_ENVIRONMENT_MAX; i++) {
        (void)snprintf(text, sizeof text, "%s%04u=%0*d", first_letter, i,
                       (int)(SPEC_ENVIRONMENT_BYTES_MAX / SPEC_ENVIRONMENT_MAX - 7), 0);
        cr_assert_eq(json_array_append_new(array, json_string(text)), 0);
    }
    return array;
}

// All that the checks let through at once fits, and is whole.
Test(launch_packet, the_largest) {
    static char path[PATH_MAX], argument[SPEC_COMMAND_BYTES_MAX];
    JobRecord job = job_of(0, "root");
    const IpcPeer peer = { .uid = 0 };
    SpecContext context = { .peer = &peer, .slots = 1 };
    SpecError error = { 0 };
    Buffer packet = BUFFER_NULL;
    JobRecord job_record;
    TaskRecord task_record;

    memset(path, '/', sizeof path - 1);
    memset(argument, 'x', sizeof argument - 1);
    AUTO_JSON json_t *job_spec = json_pack("{s:o}", "environment", variables("J"));
    AUTO_JSON json_t *task_spec =
        json_pack("{s:[s], s:o, s:s, s:s, s:s, s:s}", "command", argument, "environment", variables("T"),
                  "workDirectory", path, "stdin", path, "stdout", path, "stderr", path);
    cr_assert_eq(job_spec_check(&context, job_spec, "job", &job_record, &error), 0);
    cr_assert_eq(task_spec_check(&context, task_spec, "task", &task_record, &error), 0);
    cr_assert_eq(launch_packet_build(&job, job_spec, task_spec, &key, 0, &packet), 0);
    cr_assert_leq(buffer_size(&packet), LAUNCHER_MESSAGE_MAX);
    cr_assert_eq(launch_parse((char *)buffer_bytes(&packet), buffer_size(&packet), &launch), 0);
    cr_assert_eq(launch.request->n_environment, 2 * SPEC_ENVIRONMENT_MAX + 10);
    cr_assert_str_eq(launch.error, path);
    job_record_deinit(&job_record);
    task_record_deinit(&task_record);
    buffer_deinit(&packet);
}
