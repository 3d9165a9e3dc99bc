// SPDX-License-Identifier: LGPL-2.1-or-later
// Specifications, good and bad; every limit is tried at the limit and one beyond.
#include "agent/spec.h"

#include "cgroup/cgroup.h"
#include "ipc/idl.h"
#include "ipc/interfaces.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define INVALID(field) "org.varlink.service.InvalidParameter {\"parameter\":\"" field "\"}"
#define TOO_LONG(field, limit, length)                                                                                 \
    "io.corral.Jobs.TooLong {\"parameter\":\"" field "\",\"limit\":" #limit ",\"length\":" #length "}"
#define TOO_MANY(field, limit, count)                                                                                  \
    "io.corral.Jobs.TooMany {\"parameter\":\"" field "\",\"limit\":" #limit ",\"count\":" #count "}"
#define DENIED "io.corral.Jobs.PermissionDenied {}"

static const IpcPeer root = { .uid = 0 }, nobody = { .uid = 65534 };

static SpecContext context_of(const IpcPeer *peer) {
    return (SpecContext){ .peer = peer,
                          .administrator = peer->uid == 0,
                          .slots = 4,
                          .controllers = 1u << CGROUP_MEMORY | 1u << CGROUP_PIDS | 1u << CGROUP_CPU,
                          .now = UINT64_C(1700000000000000) };
}

static void check_type(const char *type, const json_t *spec) {
    static IpcInterface *interface;
    char field[IPC_FIELD_MAX], text[256];

    if (!interface)
        cr_assert_eq(ipc_interface_parse(ipc_interface_text_io_corral_jobs, strlen(ipc_interface_text_io_corral_jobs),
                                         &interface, text, sizeof text),
                     0, "%s", text);
    cr_assert_eq(ipc_check_type(interface, type, spec, field), 0, "%s is wrong", field);
}

// What became of a check: "ok", or the error with its parameters.
static const char *outcome(int r, SpecError *error) {
    static char text[512];
    Buffer printed = BUFFER_NULL;

    cr_assert_geq(r, 0);
    cr_assert_eq(r, error->name ? 1 : 0);
    if (r == 0)
        return "ok";
    cr_assert_eq(ipc_json_print(error->parameters, &printed), 0);
    (void)snprintf(text, sizeof text, "%s %.*s", error->name, (int)buffer_size(&printed),
                   (const char *)buffer_bytes(&printed));
    buffer_deinit(&printed);
    json_decref(error->parameters);
    return text;
}

static const char *check_job(const IpcPeer *peer, const json_t *spec) {
    SpecContext context = context_of(peer);
    SpecError error = { 0 };
    JobRecord job;

    check_type("JobSpec", spec);
    int r = job_spec_check(&context, spec, "job", &job, &error);
    job_record_deinit(&job);
    return outcome(r, &error);
}

static const char *check_task(const json_t *spec) {
    SpecContext context = context_of(&root);
    SpecError error = { 0 };
    TaskRecord task;

    check_type("TaskSpec", spec);
    int r = task_spec_check(&context, spec, "tasks[7]", &task, &error);
    task_record_deinit(&task);
    return outcome(r, &error);
}

static void expect_job(const IpcPeer *peer, const char *text, const char *expected) {
    AUTO_JSON json_t *spec = sample_json(text);

    cr_assert_str_eq(check_job(peer, spec), expected, "%s: %s", text, check_job(peer, spec));
}

static void expect_task(const char *text, const char *expected) {
    AUTO_JSON json_t *spec = sample_json(text);

    cr_assert_str_eq(check_task(spec), expected, "%s: %s", text, check_task(spec));
}

// ---- small specifications ----

Test(spec, jobs) {
    static const struct {
        const IpcPeer *peer;
        const char *spec, *expected;
    } rows[] = {
        { &root, "{}", "ok" },
        { &nobody, "{}", "ok" },
        { &root, "{\"name\":null,\"priority\":null,\"user\":null,\"minSlots\":null,\"limits\":null,\"tasks\":null}",
          "ok" },
        { &root, "{\"name\":\"\"}", "ok" },
        { &root, "{\"name\":\"a\\nb\"}", INVALID("job.name") },
        { &root, "{\"name\":\"a\\u0085b\"}", INVALID("job.name") },
        { &root, "{\"name\":\"a\\u007fb\"}", INVALID("job.name") },
        { &root, "{\"name\":\"gr\\u00f6\\u00dfe \\ud83d\\udc1f\"}", "ok" },
        // priority
        { &nobody, "{\"priority\":\"lowest\"}", "ok" },
        { &nobody, "{\"priority\":\"normal\"}", "ok" },
        { &nobody, "{\"priority\":\"aboveNormal\"}", DENIED },
        { &nobody, "{\"priority\":\"highest\"}", DENIED },
        { &root, "{\"priority\":\"highest\"}", "ok" },
        // user
        { &nobody, "{\"user\":\"nobody\"}", "ok" },
        { &nobody, "{\"user\":\"65534\"}", "ok" },
        { &nobody, "{\"user\":\"root\"}", DENIED },
        { &nobody, "{\"user\":\"0\"}", DENIED },
        { &root, "{\"user\":\"nobody\"}", "ok" },
        { &root, "{\"user\":\"no such user\"}", "io.corral.Jobs.NoSuchUser {\"user\":\"no such user\"}" },
        { &root, "{\"user\":\"\"}", "io.corral.Jobs.NoSuchUser {\"user\":\"\"}" },
        { &root, "{\"user\":\"4294967295\"}", "io.corral.Jobs.NoSuchUser {\"user\":\"4294967295\"}" },
        // slots
        { &root, "{\"minSlots\":0}", INVALID("job.minSlots") },
        { &root, "{\"minSlots\":-1}", INVALID("job.minSlots") },
        { &root, "{\"minSlots\":4}", "ok" },
        { &root, "{\"minSlots\":5}", INVALID("job.minSlots") },
        { &root, "{\"minSlots\":3,\"maxSlots\":3}", "ok" },
        { &root, "{\"minSlots\":3,\"maxSlots\":2}", INVALID("job.maxSlots") },
        { &root, "{\"maxSlots\":0}", INVALID("job.maxSlots") },
        { &root, "{\"maxSlots\":1000000}", "ok" },
        { &root, "{\"maxSlots\":1000001}", INVALID("job.maxSlots") },
        // times
        { &root, "{\"runTimeLimit\":1,\"gracePeriod\":0}", "ok" },
        { &root, "{\"runTimeLimit\":0}", INVALID("job.runTimeLimit") },
        { &root, "{\"runTimeLimit\":315360000000000}", "ok" },
        { &root, "{\"runTimeLimit\":315360000000001}", INVALID("job.runTimeLimit") },
        { &root, "{\"gracePeriod\":-1}", INVALID("job.gracePeriod") },
        { &root, "{\"gracePeriod\":315360000000000}", "ok" },
        { &root, "{\"gracePeriod\":9223372036854775807}", INVALID("job.gracePeriod") },
        // environment
        { &root, "{\"environment\":[\"A=\",\"B=c=d\",\"x y=z\"]}", "ok" },
        { &root, "{\"environment\":[]}", "ok" },
        { &root, "{\"environment\":[\"A=b\",\"A\"]}", INVALID("job.environment[1]") },
        { &root, "{\"environment\":[\"=b\"]}", INVALID("job.environment[0]") },
        { &root, "{\"environment\":[\"\"]}", INVALID("job.environment[0]") },
        { &root, "{\"environment\":[\"CORRAL_JOB_ID=1\"]}", INVALID("job.environment[0]") },
        { &root, "{\"environment\":[\"CORRAL_=1\"]}", INVALID("job.environment[0]") },
        { &root, "{\"environment\":[\"CORRAL=1\"]}", "ok" },
        // umask
        { &root, "{\"umask\":0}", "ok" },
        { &root, "{\"umask\":511}", "ok" },
        { &root, "{\"umask\":512}", INVALID("job.umask") },
        { &root, "{\"umask\":-1}", INVALID("job.umask") },
        // process limits
        { &root,
          "{\"processLimits\":{\"as\":0,\"core\":0,\"cpu\":1,\"data\":1,\"fsize\":1,\"locks\":1,\"memlock\":1,"
          "\"msgqueue\":1,\"nice\":1,\"nofile\":9223372036854775807,\"nproc\":1,\"rss\":1,\"rtprio\":1,\"rttime\":1,"
          "\"sigpending\":1,\"stack\":1}}",
          "ok" },
        { &root, "{\"processLimits\":{\"nofile\":-1}}", INVALID("job.processLimits.nofile") },
        { &root, "{\"processLimits\":{\"NOFILE\":1}}", INVALID("job.processLimits") },
        { &root, "{\"processLimits\":{\"\":1}}", INVALID("job.processLimits") },
        // limits
        { &root, "{\"limits\":{}}", "ok" },
        { &root, "{\"limits\":{\"memoryMax\":65536,\"processMax\":1,\"cpuMax\":1}}", "ok" },
        { &root, "{\"limits\":{\"memoryMax\":65535}}", INVALID("job.limits.memoryMax") },
        { &root, "{\"limits\":{\"memoryMax\":1152921504606846976}}", "ok" },
        { &root, "{\"limits\":{\"memoryMax\":1152921504606846977}}", INVALID("job.limits.memoryMax") },
        { &root, "{\"limits\":{\"processMax\":0}}", INVALID("job.limits.processMax") },
        { &root, "{\"limits\":{\"processMax\":4194304}}", "ok" },
        { &root, "{\"limits\":{\"processMax\":4194305}}", INVALID("job.limits.processMax") },
        { &root, "{\"limits\":{\"cpuMax\":0}}", INVALID("job.limits.cpuMax") },
        { &root, "{\"limits\":{\"cpuMax\":100000000}}", "ok" },
        { &root, "{\"limits\":{\"cpuMax\":100000001}}", INVALID("job.limits.cpuMax") },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_job(rows[i].peer, rows[i].spec, rows[i].expected);
}

Test(spec, tasks) {
    static const struct {
        const char *spec, *expected;
    } rows[] = {
        { "{\"command\":[\"true\"]}", "ok" },
        { "{\"command\":[\"true\",\"\",\" \"]}", "ok" },
        { "{\"command\":[]}", INVALID("tasks[7].command") },
        { "{\"command\":[\"\"]}", INVALID("tasks[7].command[0]") },
        { "{\"command\":[\"a\"],\"name\":\"a\\tb\"}", INVALID("tasks[7].name") },
        { "{\"command\":[\"a\"],\"workDirectory\":\"/\"}", "ok" },
        { "{\"command\":[\"a\"],\"workDirectory\":\"tmp\"}", INVALID("tasks[7].workDirectory") },
        { "{\"command\":[\"a\"],\"workDirectory\":\"\"}", INVALID("tasks[7].workDirectory") },
        { "{\"command\":[\"a\"],\"stdin\":\"in\",\"stdout\":\"/out\",\"stderr\":\"../err\"}", "ok" },
        { "{\"command\":[\"a\"],\"stdin\":\"\"}", INVALID("tasks[7].stdin") },
        { "{\"command\":[\"a\"],\"stdout\":\"\"}", INVALID("tasks[7].stdout") },
        { "{\"command\":[\"a\"],\"stderr\":\"\"}", INVALID("tasks[7].stderr") },
        { "{\"command\":[\"a\"],\"environment\":[\"A\"]}", INVALID("tasks[7].environment[0]") },
        { "{\"command\":[\"a\"],\"environment\":[\"CORRAL_RUN=\"]}", INVALID("tasks[7].environment[0]") },
        { "{\"command\":[\"a\"],\"runTimeLimit\":0}", INVALID("tasks[7].runTimeLimit") },
        { "{\"command\":[\"a\"],\"runTimeLimit\":315360000000000,\"rerunnable\":false}", "ok" },
        { "{\"command\":[\"a\"],\"runTimeLimit\":315360000000001}", INVALID("tasks[7].runTimeLimit") },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_task(rows[i].spec, rows[i].expected);
}

Test(spec, a_limit_needs_its_controller) {
    static const struct {
        CgroupController controller;
        const char *field, *word;
    } rows[] = { { CGROUP_MEMORY, "memoryMax", "memory" },
                 { CGROUP_PIDS, "processMax", "pids" },
                 { CGROUP_CPU, "cpuMax", "cpu" } };
    char text[128], expected[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SpecContext context = context_of(&root);
        SpecError error = { 0 };
        JobRecord job;
        (void)snprintf(text, sizeof text, "{\"limits\":{\"%s\":100000}}", rows[i].field);
        AUTO_JSON json_t *spec = sample_json(text);
        context.controllers = ~(1u << rows[i].controller);
        int r = job_spec_check(&context, spec, "jobs[1]", &job, &error);
        (void)snprintf(expected, sizeof expected,
                       "io.corral.Jobs.ControllerMissing {\"parameter\":\"jobs[1].limits.%s\",\"controller\":\"%s\"}",
                       rows[i].field, rows[i].word);
        cr_assert_str_eq(outcome(r, &error), expected);
        job_record_deinit(&job);
    }
}

// ---- lengths ----

// n times one character.
static char *repeat(const char *character, size_t n) {
    char *text = malloc(n * strlen(character) + 1);

    for (size_t i = 0; i < n; i++)
        memcpy(text + i * strlen(character), character, strlen(character));
    text[n * strlen(character)] = '\0';
    return text;
}

Test(spec, names_are_counted_in_characters) {
    static const char *const characters[] = { "x", "ö", "漢", "🐟", "\u0301" };

    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        AUTO_FREE char *fits = repeat(characters[i], 80), *too_long = repeat(characters[i], 81);
        AUTO_JSON json_t *good = json_pack("{s:s}", "name", fits), *bad = json_pack("{s:s}", "name", too_long);
        AUTO_JSON json_t *good_task = json_pack("{s:s, s:[s]}", "name", fits, "command", "a");
        AUTO_JSON json_t *bad_task = json_pack("{s:s, s:[s]}", "name", too_long, "command", "a");
        cr_assert_str_eq(check_job(&root, good), "ok");
        cr_assert_str_eq(check_job(&root, bad), TOO_LONG("job.name", 80, 81));
        cr_assert_str_eq(check_task(good_task), "ok");
        cr_assert_str_eq(check_task(bad_task), TOO_LONG("tasks[7].name", 80, 81));
    }
    AUTO_FREE char *user = repeat("u", 81);
    AUTO_JSON json_t *spec = json_pack("{s:s}", "user", user);
    cr_assert_str_eq(check_job(&root, spec), TOO_LONG("job.user", 80, 81));
}

Test(spec, messages) {
    static const char *const characters[] = { "x", "ö", "漢", "🐟", "\n" };
    SpecError error = { 0 };

    cr_assert_str_eq(outcome(message_check(NULL, &error), &error), "ok");
    cr_assert_str_eq(outcome(message_check("", &error), &error), "ok");
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        AUTO_FREE char *fits = repeat(characters[i], 320), *too_long = repeat(characters[i], 321);
        error = (SpecError){ 0 };
        cr_assert_str_eq(outcome(message_check(fits, &error), &error), "ok");
        cr_assert_str_eq(outcome(message_check(too_long, &error), &error),
                         "io.corral.Jobs.MessageTooLong {\"limit\":320,\"length\":321}");
    }
}

static json_t *strings(size_t n, const char *text) {
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        cr_assert_eq(json_array_append_new(array, json_string(text)), 0);
    return array;
}

static const char *check_command(size_t n, size_t length) {
    AUTO_FREE char *text = repeat("x", length);
    AUTO_JSON json_t *spec = json_pack("{s:o}", "command", strings(n, text));

    return check_task(spec);
}

static const char *check_environment(size_t n, size_t length) {
    AUTO_FREE char *value = repeat("x", length - 2), *text = NULL;
    cr_assert_gt(asprintf(&text, "A=%s", value), 0);
    AUTO_JSON json_t *array = strings(n, text), *job = json_pack("{s:O}", "environment", array);
    AUTO_JSON json_t *task = json_pack("{s:[s], s:O}", "command", "a", "environment", array);
    static char result[512];

    (void)snprintf(result, sizeof result, "%s", check_job(&root, job));
    cr_assert_eq(strcmp(result, "ok") == 0, strcmp(check_task(task), "ok") == 0);
    return result;
}

Test(spec, what_a_packet_holds) {
    cr_assert_str_eq(check_command(4096, 11), "ok");
    cr_assert_str_eq(check_command(4097, 1), TOO_MANY("tasks[7].command", 4096, 4097));
    cr_assert_str_eq(check_command(1, 49151), "ok");
    cr_assert_str_eq(check_command(1, 49152), TOO_LONG("tasks[7].command", 49152, 49153));
    cr_assert_str_eq(check_environment(1024, 20), "ok");
    cr_assert_str_eq(check_environment(1025, 2), TOO_MANY("job.environment", 1024, 1025));
    cr_assert_str_eq(check_environment(1, 24575), "ok");
    cr_assert_str_eq(check_environment(1, 24576), TOO_LONG("job.environment", 24576, 24577));
}

Test(spec, paths) {
    AUTO_FREE char *fits = repeat("/", 4095), *too_long = repeat("/", 4096);
    static const char *const fields[] = { "workDirectory", "stdin", "stdout", "stderr" };
    char expected[128];

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        AUTO_JSON json_t *good = json_pack("{s:[s], s:s}", "command", "a", fields[i], fits);
        AUTO_JSON json_t *bad = json_pack("{s:[s], s:s}", "command", "a", fields[i], too_long);
        (void)snprintf(expected, sizeof expected,
                       "io.corral.Jobs.TooLong {\"parameter\":\"tasks[7].%s\",\"limit\":4095,\"length\":4096}",
                       fields[i]);
        cr_assert_str_eq(check_task(good), "ok");
        cr_assert_str_eq(check_task(bad), expected);
    }
}

// ---- records ----

Test(spec, records) {
    SpecContext context = context_of(&root);
    SpecError error = { 0 };
    JobRecord job;
    TaskRecord task;
    AUTO_JSON json_t *spec = sample_json("{\"name\":\"n\",\"priority\":\"lowest\",\"user\":\"nobody\",\"minSlots\":2,"
                                         "\"maxSlots\":3,\"runTimeLimit\":4,\"gracePeriod\":5,"
                                         "\"limits\":{\"memoryMax\":100000,\"cpuMax\":150}}");
    AUTO_JSON json_t *of_task = sample_json("{\"name\":\"t\",\"command\":[\"a\"],\"runTimeLimit\":9,"
                                            "\"rerunnable\":false}");

    cr_assert_eq(job_spec_check(&context, spec, "job", &job, &error), 0);
    cr_assert_str_eq(job.name, "n");
    cr_assert_str_eq(job.owner, "root");
    cr_assert_str_eq(job.user, "nobody");
    cr_assert(job.id == 0 && job.owner_uid == 0 && job.user_uid == 65534 && job.status == STATUS_NOT_SUBMITTED);
    cr_assert(job.priority == PRIORITY_LOWEST && job.min_slots == 2 && job.max_slots == 3 && job.run_time_limit == 4);
    cr_assert(job.grace_period == 5 && job.create_time == context.now && job.submit_time == 0 && job.runs == 0);
    job_record_deinit(&job);
    CgroupLimits limits = job_spec_limits(spec);
    cr_assert(limits.memory_max == 100000 && limits.process_max == CGROUP_UNKNOWN && limits.cpu_max == 150);

    cr_assert_eq(task_spec_check(&context, of_task, "task", &task, &error), 0);
    cr_assert_str_eq(task.name, "t");
    cr_assert(!task.rerunnable && task.run_time_limit == 9 && task.exit_code == -1 && task.create_time == context.now);
    task_record_deinit(&task);
}

Test(spec, defaults) {
    SpecContext context = context_of(&nobody);
    AUTO_JSON json_t *spec = sample_json("{}"), *of_task = sample_json(SAMPLE_SPEC);
    SpecError error = { 0 };
    JobRecord job;
    TaskRecord task;

    cr_assert_eq(job_spec_check(&context, spec, "job", &job, &error), 0);
    cr_assert_str_eq(job.name, "nobody:2023-11-14T22:13:20Z");
    cr_assert_str_eq(job.user, "nobody");
    cr_assert(job.priority == PRIORITY_NORMAL && job.min_slots == 1 && job.max_slots == 0);
    cr_assert(job.run_time_limit == RECORD_INFINITE && job.grace_period == RECORD_UNKNOWN);
    job_record_deinit(&job);
    CgroupLimits limits = job_spec_limits(spec);
    cr_assert(limits.memory_max == CGROUP_UNKNOWN && limits.process_max == CGROUP_UNKNOWN &&
              limits.cpu_max == CGROUP_UNKNOWN);
    cr_assert_eq(task_spec_check(&context, of_task, "task", &task, &error), 0);
    cr_assert(task.name == NULL && task.rerunnable && task.run_time_limit == RECORD_INFINITE);
    task_record_deinit(&task);
}
