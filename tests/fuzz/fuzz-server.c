// SPDX-License-Identifier: LGPL-2.1-or-later
// A whole server: the first byte says how the client behaves, the rest is dribbled into the socket in pieces. The
// server must neither crash nor spin, must answer in whole messages that are JSON, and must forget the client.
#include "ipc/frame.h"
#include "ipc/server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS_MAX 10000
#define ANSWER_MAX ((size_t)64 << 20)
#define STORE_FULL "org.example.fuzz.StoreFull"

// The first byte.
enum {
    PIECES = 0x07,    // their size, as an index
    FAIL_HELD = 0x08, // now and then instead of releasing
    DEAF = 0x10,      // the client does not read before all is written
    HALF_CLOSE = 0x20,
    LEAVE = 0x40, // the client goes without reading
    STOP_READING = 0x80,
};

typedef struct Pending {
    IpcCall *call;
    STAILQ_ENTRY(Pending) entry;
} Pending;

typedef struct Fuzz {
    IpcServer *server;
    uint8_t behaviour;
    unsigned turns;
    int fd; // the client's end
    IpcFrames answers;
    STAILQ_HEAD(, Pending) pending;
} Fuzz;

static const char interface[] =
    "interface org.example.fuzz\n"
    "type Colour (red, green)\n"
    "type T (b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object, c: ?Colour, a: ?[]T, m: ?[string]T)\n"
    "method Echo(t: ?T) -> (t: ?T)\n"
    "method Later() -> ()\n"
    "method Stream(n: int) -> ()\n"
    "method Fail() -> ()\n"
    "error StoreFull()\n";

static void require(bool fact) {
    if (!fact)
        abort();
}

// ---- handlers ----

static void forget(Fuzz *fuzz, const IpcCall *call) {
    Pending *pending;

    STAILQ_FOREACH (pending, &fuzz->pending, entry)
        if (pending->call == call)
            break;
    require(pending != NULL);
    STAILQ_REMOVE(&fuzz->pending, pending, Pending, entry);
    free(pending);
}

static void on_gone(IpcCall *call, void *userdata) {
    forget(userdata, call);
}

static void on_drained(IpcCall *call, void *userdata) {
    (void)userdata;
    (void)ipc_call_reply_more(call, NULL);
}

static int echo(IpcCall *call, const json_t *parameters, void *userdata) {
    json_t *t = json_object_get(parameters, "t");

    (void)userdata;
    return ipc_call_reply(call, t ? json_pack("{s:O}", "t", t) : NULL);
}

static int later(IpcCall *call, const json_t *parameters, void *userdata) {
    Fuzz *fuzz = userdata;
    Pending *pending = calloc(1, sizeof *pending);

    (void)parameters;
    require(pending != NULL);
    pending->call = call;
    STAILQ_INSERT_TAIL(&fuzz->pending, pending, entry);
    ipc_call_on_gone(call, on_gone, fuzz);
    ipc_call_on_drained(call, on_drained, fuzz);
    return 0;
}

static int stream(IpcCall *call, const json_t *parameters, void *userdata) {
    json_int_t n = json_integer_value(json_object_get(parameters, "n"));

    for (json_int_t i = 0; i < n && i < 10000 && !ipc_call_congested(call); i++)
        if (ipc_call_reply_more(call, NULL) < 0)
            return -EIO;
    return n % 2 == 0 ? ipc_call_reply(call, NULL) : later(call, parameters, userdata);
}

static int fail(IpcCall *call, const json_t *parameters, void *userdata) {
    (void)call;
    (void)parameters;
    (void)userdata;
    return -EIO;
}

// ---- the two ends ----

static void read_answers(Fuzz *fuzz) {
    static char bytes[65536];
    const char *text;
    size_t size;
    ssize_t n;

    while ((n = recv(fuzz->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        require(ipc_frames_append(&fuzz->answers, bytes, (size_t)n) == 0);
        while (ipc_frames_next(&fuzz->answers, &text, &size) > 0) {
            AUTO_JSON json_t *answer = json_loadb(text, size, 0, NULL);
            require(json_is_object(json_object_get(answer, "parameters")));
        }
    }
}

static void answer_first(Fuzz *fuzz) {
    Pending *pending = STAILQ_FIRST(&fuzz->pending);

    if (!pending)
        return;
    IpcCall *call = pending->call;
    if (fuzz->turns % 5 == 0 && ipc_call_more(call))
        (void)ipc_call_reply_more(call, NULL);
    forget(fuzz, call);
    (void)ipc_call_reply(call, NULL);
}

static bool is_readable(int fd) {
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    return poll(&poll_fd, 1, 0) == 1;
}

// Turns the server until it is at rest; what is pending is answered one by one.
static void settle(Fuzz *fuzz) {
    unsigned turns = 0;

    while (is_readable(ipc_server_fd(fuzz->server)) || ipc_server_holds(fuzz->server) ||
           !STAILQ_EMPTY(&fuzz->pending)) {
        require(turns++ < TURNS_MAX);
        require(ipc_server_dispatch(fuzz->server) == 0);
        if (fuzz->behaviour & FAIL_HELD && fuzz->turns++ % 3 == 0)
            ipc_server_fail_held(fuzz->server, STORE_FULL, NULL);
        ipc_server_release(fuzz->server);
        answer_first(fuzz);
        if (fuzz->fd >= 0 && !(fuzz->behaviour & DEAF))
            read_answers(fuzz);
    }
}

static void talk(Fuzz *fuzz, const uint8_t *data, size_t size) {
    static const size_t pieces[] = { 1, 2, 7, 143, 1000, 4000, 16384, 65536 };
    size_t piece = pieces[fuzz->behaviour & PIECES];

    while (size > 0) {
        ssize_t n = send(fuzz->fd, data, piece < size ? piece : size, MSG_DONTWAIT | MSG_NOSIGNAL);
        // Full: the client has to read, or the server does not take more. Or it has closed.
        if (n < 0 && (errno != EAGAIN || fuzz->behaviour & DEAF))
            break;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
        settle(fuzz);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const IpcServerConfig config = {
        .vendor = "",
        .product = "",
        .version = "",
        .url = "",
        .message_max = 20000,
        .backlog_max = 10000,
        .connections_max = 8,
        .connections_per_uid_max = 8,
    };
    static const IpcMethod methods[] = {
        { "Echo", echo, false },
        { "Later", later, false },
        { "Stream", stream, true },
        { "Fail", fail, false },
    };
    Fuzz fuzz = { .answers = IPC_FRAMES_NULL(ANSWER_MAX) };
    int fds[2];

    if (size == 0)
        return 0;
    STAILQ_INIT(&fuzz.pending);
    fuzz.behaviour = data[0];
    require(ipc_server_new(&config, &fuzz.server) == 0);
    require(ipc_server_add_interface(fuzz.server, interface, methods, sizeof methods / sizeof *methods, &fuzz) == 0);
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    require(ipc_server_add_connection(fuzz.server, fds[0]) == 0);
    fuzz.fd = fds[1];
    if (fuzz.behaviour & STOP_READING)
        (void)shutdown(fuzz.fd, SHUT_RD);
    talk(&fuzz, data + 1, size - 1);
    if (fuzz.behaviour & HALF_CLOSE)
        (void)shutdown(fuzz.fd, SHUT_WR);
    fuzz.behaviour &= (uint8_t)~DEAF;
    if (!(fuzz.behaviour & LEAVE)) {
        read_answers(&fuzz);
        settle(&fuzz);
    }
    fuzz.fd = close_fd(fuzz.fd);
    settle(&fuzz);
    require(ipc_server_connections(fuzz.server) == 0);
    fuzz.server = ipc_server_free(fuzz.server);
    ipc_frames_deinit(&fuzz.answers);
    return 0;
}
