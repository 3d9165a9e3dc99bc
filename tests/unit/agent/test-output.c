// SPDX-License-Identifier: LGPL-2.1-or-later
// Kept output, read and followed.
#include "agent/output.h"

#include "tests/unit/agent/harness.h"
#include "tests/unit/agent/samples.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define ALICE 1000
#define EVE 2000

static HarnessClient root;
static AttemptKey key = { .job = 1, .run = 3, .task = 1, .attempt = 1 };

static void setup(void) {
    harness_start();
    root = harness_connect(0);
    sample_add(harness_agent.store, STATUS_RUNNING, 3);
}

static void teardown(void) {
    harness_disconnect(&root);
    harness_stop();
}

TestSuite(output, .init = setup, .fini = teardown);

// Records an attempt of task 1 of job 1, as sample_attempt() makes it.
static void add_attempt(uint32_t number, Status status) {
    AttemptRecord attempt = sample_attempt(1, 1, number);
    TaskRecord task;

    attempt.status = status;
    cr_assert_eq(store_add_attempt(harness_agent.store, &attempt), 0);
    attempt_record_deinit(&attempt);
    cr_assert_eq(store_get_task(harness_agent.store, 1, 1, &task), 0);
    task.attempt = number;
    task.status = status;
    cr_assert_eq(store_update_task(harness_agent.store, &task), 0);
    task_record_deinit(&task);
    key.attempt = number;
}

static void write_output(const char *suffix, const void *data, size_t size) {
    char name[ATTEMPT_NAME_MAX];
    int fd = openat(harness_agent.output_fd, attempt_file_name(name, &key, suffix),
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    (void)close(fd);
}

static int digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;

    cr_assert_neq(found, NULL);
    return (int)(found - digits);
}

static size_t decode(const char *text, uint8_t *ret) {
    size_t n = 0;

    cr_assert_eq(strlen(text) % 4, 0);
    for (; *text; text += 4) {
        uint32_t bits = (uint32_t)digit(text[0]) << 18 | (uint32_t)digit(text[1]) << 12;
        bits |= text[2] == '=' ? 0 : (uint32_t)digit(text[2]) << 6;
        bits |= text[3] == '=' ? 0 : (uint32_t)digit(text[3]);
        ret[n++] = (uint8_t)(bits >> 16);
        if (text[2] != '=')
            ret[n++] = (uint8_t)(bits >> 8);
        if (text[3] != '=')
            ret[n++] = (uint8_t)bits;
    }
    return n;
}

static uint8_t received[4 << 20];
static size_t n_received;

// Takes one piece; false when it was the last. The offsets must follow each other.
static bool receive_piece(HarnessClient *client, size_t start) {
    AUTO_JSON json_t *message = harness_receive(client);
    const json_t *reply = json_object_get(message, "parameters");

    cr_assert_eq(json_object_get(message, "error"), NULL, "%s", json_string_value(json_object_get(message, "error")));
    cr_assert_eq((size_t)json_integer_value(json_object_get(reply, "offset")), start + n_received);
    size_t n = decode(json_string_value(json_object_get(reply, "data")), received + n_received);
    bool continues = json_is_true(json_object_get(message, "continues"));
    cr_assert_eq(continues, n > 0);
    n_received += n;
    return continues;
}

static void receive_all(HarnessClient *client, size_t start) {
    n_received = 0;
    while (receive_piece(client, start))
        ;
}

static void expect_output(HarnessClient *client, const char *parameters, size_t start, const char *expected) {
    harness_send(client, "GetOutput", parameters);
    receive_all(client, start);
    cr_assert_eq(n_received, strlen(expected), "%s: %.*s", parameters, (int)n_received, (const char *)received);
    cr_assert_eq(memcmp(received, expected, n_received), 0);
}

static const char *error_of(HarnessClient *client, const char *parameters) {
    static char name[128];

    harness_send(client, "GetOutput", parameters);
    AUTO_JSON json_t *message = harness_receive(client);
    const char *error = json_string_value(json_object_get(message, "error"));
    (void)snprintf(name, sizeof name, "%s", error ? error : "none");
    return name;
}

Test(output, what_is_there) {
    add_attempt(1, STATUS_FINISHED);
    write_output(STDOUT_SUFFIX, "old", 3);
    add_attempt(2, STATUS_FINISHED);
    write_output(STDOUT_SUFFIX, "f\0o\xff", 4);
    write_output(STDERR_SUFFIX, "errors", 6);
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":1}");
    receive_all(&root, 0);
    cr_assert(n_received == 4 && memcmp(received, "f\0o\xff", 4) == 0);
    expect_output(&root, "{\"job\":1,\"task\":1,\"stream\":\"stderr\"}", 0, "errors");
    expect_output(&root, "{\"job\":1,\"task\":1,\"stream\":\"stderr\",\"follow\":true}", 0, "errors");
    expect_output(&root, "{\"job\":1,\"task\":1,\"attempt\":1}", 0, "old");
    expect_output(&root, "{\"job\":1,\"task\":1,\"attempt\":1,\"offset\":1}", 1, "ld");
    expect_output(&root, "{\"job\":1,\"task\":1,\"attempt\":1,\"offset\":3}", 3, "");
    expect_output(&root, "{\"job\":1,\"task\":1,\"attempt\":1,\"offset\":99}", 99, "");
    expect_output(&root, "{\"job\":1,\"task\":2}", 0, "");
}

Test(output, refused) {
    HarnessClient alice = harness_connect(ALICE), eve = harness_connect(EVE);

    add_attempt(1, STATUS_FINISHED);
    cr_assert_str_eq(error_of(&root, "{\"job\":9,\"task\":1}"), "io.corral.Jobs.NoSuchJob");
    cr_assert_str_eq(error_of(&root, "{\"job\":1,\"task\":9}"), "io.corral.Jobs.NoSuchTask");
    cr_assert_str_eq(error_of(&root, "{\"job\":1,\"task\":0}"), "io.corral.Jobs.NoSuchTask");
    cr_assert_str_eq(error_of(&root, "{\"job\":1,\"task\":1,\"attempt\":2}"), "io.corral.Jobs.NoSuchAttempt");
    cr_assert_str_eq(error_of(&root, "{\"job\":1,\"task\":1,\"attempt\":0}"), "io.corral.Jobs.NoSuchAttempt");
    cr_assert_str_eq(error_of(&root, "{\"job\":1,\"task\":1,\"offset\":-1}"), "org.varlink.service.InvalidParameter");
    cr_assert_str_eq(error_of(&eve, "{\"job\":1,\"task\":1}"), "io.corral.Jobs.PermissionDenied");
    expect_output(&alice, "{\"job\":1,\"task\":1}", 0, "");
    harness_disconnect(&alice);
    harness_disconnect(&eve);
}

// Whoever can write the directory, the agent follows no link.
Test(output, no_links) {
    char name[ATTEMPT_NAME_MAX];

    add_attempt(1, STATUS_FINISHED);
    cr_assert_eq(symlinkat("/etc/passwd", harness_agent.output_fd, attempt_file_name(name, &key, STDOUT_SUFFIX)), 0);
    cr_assert_str_eq(error_of(&root, "{\"job\":1,\"task\":1}"), "io.corral.Jobs.InternalError");
}

Test(output, large) {
    const size_t size = 3 << 20;
    uint8_t *data = malloc(size);

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    add_attempt(1, STATUS_FINISHED);
    write_output(STDOUT_SUFFIX, data, size);
    HarnessClient leaving = harness_connect(0);
    harness_send(&leaving, "GetOutput", "{\"job\":1,\"task\":1}");
    harness_turn();
    harness_disconnect(&leaving);
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":1}");
    for (int i = 0; i < 100; i++)
        harness_turn(); // it does not keep up
    cr_assert_eq(sd_event_run(harness_agent.event, 0), 0, "it turns for nothing");
    receive_all(&root, 0);
    cr_assert_eq(n_received, size);
    cr_assert_eq(memcmp(received, data, size), 0);
    free(data);
}

// ---- following ----

Test(output, follow) {
    HarnessClient other = harness_connect(0);

    add_attempt(1, STATUS_RUNNING);
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":1,\"follow\":true}");
    harness_send(&other, "GetOutput", "{\"job\":1,\"task\":1,\"follow\":true,\"stream\":\"stderr\"}");
    cr_assert(!harness_is_answered(&root)); // the file is not there yet
    n_received = 0;
    write_output(STDOUT_SUFFIX, "one", 3);
    cr_assert(receive_piece(&root, 0));
    cr_assert(!harness_is_answered(&root));
    cr_assert(!harness_is_answered(&other));
    write_output(STDOUT_SUFFIX, " two", 4);
    cr_assert(receive_piece(&root, 0));
    cr_assert_eq(memcmp(received, "one two", 7), 0);
    cr_assert(!harness_is_answered(&root));
    cr_assert_eq(sd_event_run(harness_agent.event, 0), 0, "it turns for nothing");

    write_output(STDOUT_SUFFIX, ".", 1);
    output_attempt_ended(&harness_agent, &key);
    cr_assert(receive_piece(&root, 0));
    cr_assert(!receive_piece(&root, 0));
    cr_assert_eq(memcmp(received, "one two.", 8), 0);
    receive_all(&other, 0);
    cr_assert_eq(n_received, 0);
    harness_disconnect(&other);
}

Test(output, follow_by_several_who_leave) {
    HarnessClient clients[3];

    add_attempt(1, STATUS_RUNNING);
    write_output(STDOUT_SUFFIX, "x", 1);
    for (int i = 0; i < 3; i++) {
        clients[i] = harness_connect(0);
        harness_send(&clients[i], "GetOutput", "{\"job\":1,\"task\":1,\"follow\":true}");
        n_received = 0;
        cr_assert(receive_piece(&clients[i], 0));
    }
    harness_disconnect(&clients[0]);
    harness_turn();
    write_output(STDOUT_SUFFIX, "y", 1);
    for (int i = 1; i < 3; i++) {
        n_received = 1;
        cr_assert(receive_piece(&clients[i], 0));
        harness_disconnect(&clients[i]);
    }
    harness_turn();
    write_output(STDOUT_SUFFIX, "z", 1);
    cr_assert_eq(sd_event_run(harness_agent.event, 0), 0, "it turns although nobody follows");
}

// The end of one attempt ends nobody else's following.
Test(output, follow_one_of_several) {
    AttemptKey other = key;

    add_attempt(1, STATUS_RUNNING);
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":1,\"follow\":true}");
    other.task = 2;
    output_attempt_ended(&harness_agent, &other);
    cr_assert(!harness_is_answered(&root));
    output_attempt_ended(&harness_agent, &key);
    receive_all(&root, 0);
    cr_assert_eq(n_received, 0);
}

static void set_task(Status status) {
    TaskRecord task;

    cr_assert_eq(store_get_task(harness_agent.store, 1, 1, &task), 0);
    task.status = status;
    task.attempt = 0;
    cr_assert_eq(store_update_task(harness_agent.store, &task), 0);
    task_record_deinit(&task);
}

Test(output, follow_what_has_not_started) {
    HarnessClient other = harness_connect(0);

    set_task(STATUS_QUEUED);
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":1,\"follow\":true}");
    cr_assert(!harness_is_answered(&root));
    add_attempt(1, STATUS_RUNNING);
    write_output(STDOUT_SUFFIX, "begin", 5);
    n_received = 0;
    cr_assert(receive_piece(&root, 0));
    cr_assert(!harness_is_answered(&root));
    output_attempt_ended(&harness_agent, &key);
    cr_assert(!receive_piece(&root, 0));
    harness_disconnect(&other);
}

Test(output, follow_what_never_starts) {
    set_task(STATUS_QUEUED);
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":1,\"follow\":true}");
    cr_assert(!harness_is_answered(&root));
    set_task(STATUS_CANCELED);
    receive_all(&root, 0);
    cr_assert_eq(n_received, 0);
    expect_output(&root, "{\"job\":1,\"task\":1,\"follow\":true}", 0, "");
}

// What goes to a file of the user is not kept: there is nothing to wait for.
Test(output, redirected) {
    AUTO_JSON json_t *spec = sample_json("{\"command\":[\"true\"],\"stdout\":\"/tmp/x\"}");
    TaskRecord task = sample_task(1, 4);
    AttemptRecord attempt = sample_attempt(1, 4, 1);

    task.attempt = 1;
    cr_assert_eq(store_add_task(harness_agent.store, &task, spec), 0);
    cr_assert_eq(store_add_attempt(harness_agent.store, &attempt), 0);
    expect_output(&root, "{\"job\":1,\"task\":4,\"follow\":true}", 0, "");
    harness_send(&root, "GetOutput", "{\"job\":1,\"task\":4,\"follow\":true,\"stream\":\"stderr\"}");
    cr_assert(!harness_is_answered(&root));
    task_record_deinit(&task);
    attempt_record_deinit(&attempt);
}
