// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/unit/ipc/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

const char world_interface[] = "# For tests.\n"
                               "interface org.example.test\n"
                               "type Colour (red, green)\n"
                               "type Thing (name: string, size: ?int, colour: ?Colour, parts: ?[]Thing)\n"
                               "method Echo(text: string) -> (text: string)\n"
                               "method Check(thing: Thing) -> ()\n"
                               "method Count() -> ()\n"
                               "method Later(id: ?int) -> (id: int)\n"
                               "method Stream() -> (text: string)\n"
                               "method Refuse() -> ()\n"
                               "method Fail() -> ()\n"
                               "method Lie() -> (truth: int)\n"
                               "method WhoAmI() -> (uid: int)\n"
                               "error Refused(reason: string)\n"
                               "error StoreFull()\n"
                               "error ExpectedMore()\n"
                               "error InternalError(reason: string)\n";

const char world_bare_interface[] = "interface org.example.bare\n"
                                    "method Stream() -> ()\n"
                                    "method Fail() -> ()\n";

// ---- handlers ----

static void forget(World *world, const IpcCall *call) {
    for (size_t i = 0; i < world->n_calls; i++)
        if (world->calls[i] == call) {
            memmove(world->calls + i, world->calls + i + 1, (world->n_calls - i - 1) * sizeof *world->calls);
            world->n_calls--;
            return;
        }
    cr_assert_fail("a call that is not known is gone");
}

static void on_gone(IpcCall *call, void *userdata) {
    World *world = userdata;

    world->gone++;
    forget(world, call);
    // Too late: refused, and harmless.
    cr_assert_eq(ipc_call_reply(call, NULL), -ENOTCONN);
}

static void fill(World *world, IpcCall *call) {
    char text[1001];

    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (; !ipc_call_congested(call) && world->filled < 10000; world->filled++)
        cr_assert_eq(ipc_call_reply_more(call, json_pack("{s:s}", "text", text)), 0);
}

static void on_drained(IpcCall *call, void *userdata) {
    World *world = userdata;

    world->drained++;
    if (world->end_when_drained) {
        forget(world, call);
        cr_assert_eq(ipc_call_reply(call, json_pack("{s:s}", "text", "end")), 0);
    } else if (world->fill) {
        fill(world, call);
    }
}

static int keep(World *world, IpcCall *call) {
    cr_assert_lt(world->n_calls, WORLD_CALLS_MAX);
    world->calls[world->n_calls++] = call;
    ipc_call_on_gone(call, on_gone, world);
    ipc_call_on_drained(call, on_drained, world);
    return 0;
}

static int echo(IpcCall *call, const json_t *parameters, void *userdata) {
    ((World *)userdata)->handled++;
    return ipc_call_reply(call, json_pack("{s:O}", "text", json_object_get(parameters, "text")));
}

static int count(IpcCall *call, const json_t *parameters, void *userdata) {
    ((World *)userdata)->handled++;
    cr_assert(json_is_object(parameters));
    return ipc_call_reply(call, NULL);
}

static int later(IpcCall *call, const json_t *parameters, void *userdata) {
    (void)parameters;
    ((World *)userdata)->handled++;
    return keep(userdata, call);
}

static int stream(IpcCall *call, const json_t *parameters, void *userdata) {
    World *world = userdata;

    (void)parameters;
    world->handled++;
    if (world->fill)
        fill(world, call);
    return keep(world, call);
}

static int refuse(IpcCall *call, const json_t *parameters, void *userdata) {
    (void)parameters;
    (void)userdata;
    return ipc_call_error(call, "org.example.test.Refused", json_pack("{s:s}", "reason", "no"));
}

static int fail(IpcCall *call, const json_t *parameters, void *userdata) {
    (void)call;
    (void)parameters;
    (void)userdata;
    return -EIO;
}

static int lie(IpcCall *call, const json_t *parameters, void *userdata) {
    (void)parameters;
    (void)userdata;
    return ipc_call_reply(call, json_pack("{s:s}", "truth", "beauty"));
}

static int who_am_i(IpcCall *call, const json_t *parameters, void *userdata) {
    World *world = userdata;

    (void)parameters;
    world->peer = *ipc_call_peer(call);
    cr_assert_str_eq(ipc_call_method(call), "org.example.test.WhoAmI");
    return ipc_call_reply(call, json_pack("{s:i}", "uid", (int)world->peer.uid));
}

// ---- the world ----

void world_init(World *world, const IpcServerConfig *config) {
    static const IpcServerConfig usual = {
        .vendor = "Example", .product = "Test", .version = "1", .url = "https://example.org", IPC_SERVER_CONFIG_DEFAULT
    };
    static const IpcMethod methods[] = {
        { "Echo", echo, false },   { "Check", count, false },  { "Count", count, false },
        { "Later", later, false }, { "Stream", stream, true }, { "Refuse", refuse, false },
        { "Fail", fail, false },   { "Lie", lie, false },      { "WhoAmI", who_am_i, false },
    };
    static const IpcMethod bare_methods[] = { { "Stream", stream, true }, { "Fail", fail, false } };

    *world = (World){ 0 };
    cr_assert_eq(ipc_server_new(config ? config : &usual, &world->server), 0);
    cr_assert_eq(
        ipc_server_add_interface(world->server, world_interface, methods, sizeof methods / sizeof *methods, world), 0);
    cr_assert_eq(ipc_server_add_interface(world->server, world_bare_interface, bare_methods, 2, world), 0);
}

void world_deinit(World *world) {
    world->server = ipc_server_free(world->server);
    cr_assert_eq(world->n_calls, 0, "calls have been left behind");
}

int world_connect_kind(World *world, int kind) {
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, fds), 0);
    cr_assert_eq(ipc_server_add_connection(world->server, fds[0]), 0);
    return fds[1];
}

int world_connect(World *world) {
    return world_connect_kind(world, SOCK_STREAM);
}

static bool is_readable(int fd) {
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    return poll(&poll_fd, 1, 0) == 1;
}

void world_turn(World *world) {
    int turns = 0;

    for (; is_readable(ipc_server_fd(world->server)) && turns < 10000; turns++)
        cr_assert_eq(ipc_server_dispatch(world->server), 0);
    cr_assert_lt(turns, 10000, "the server spins");
}

void world_settle(World *world) {
    do {
        world_turn(world);
        ipc_server_release(world->server);
        cr_assert_not(ipc_server_holds(world->server));
    } while (is_readable(ipc_server_fd(world->server)));
}

// ---- clients ----

void say_bytes(int fd, const void *bytes, size_t size) {
    cr_assert_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

void say(int fd, const char *text) {
    say_bytes(fd, text, strlen(text) + 1);
}

void expect(int fd, const char *text) {
    char buffer[8192];
    size_t length = 0;

    do {
        cr_assert_lt(length, sizeof buffer);
        ssize_t n = recv(fd, buffer + length, 1, MSG_DONTWAIT);
        cr_assert_eq(n, 1, "expected %s, got %.*s and then %zd (%s)", text, (int)length, buffer, n, strerror(errno));
        length++;
    } while (buffer[length - 1] != '\0');
    cr_assert_str_eq(buffer, text);
}

void expect_nothing(int fd) {
    char byte;

    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    cr_assert_eq(n, -1);
    cr_assert_eq(errno, EAGAIN);
}

void expect_end(int fd) {
    char byte;

    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    // The kernel tells a client of what it has sent in vain.
    cr_assert(n == 0 || (n < 0 && errno == ECONNRESET), "expected the end, got %zd", n);
}
