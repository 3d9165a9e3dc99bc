// SPDX-License-Identifier: LGPL-2.1-or-later
// A server with two small interfaces, and raw clients that see every byte.
#pragma once

#include "ipc/frame.h"
#include "ipc/server.h"

#define WORLD_CALLS_MAX 16

typedef struct World {
    IpcServer *server;
    IpcCall *calls[WORLD_CALLS_MAX]; // those of Later and Stream, until they are over
    size_t n_calls;
    int handled, gone, drained;
    IpcPeer peer; // of the last call of WhoAmI; groups borrowed
    bool fill;    // Stream writes until the client is congested, and again when it is drained
    int filled;   // replies written so
    bool end_when_drained;
} World;

extern const char world_interface[];      // org.example.test
extern const char world_bare_interface[]; // org.example.bare: no ExpectedMore, no InternalError

// A server with limits from config, or the default ones when it is NULL.
void world_init(World *world, const IpcServerConfig *config);
void world_deinit(World *world);
#define AUTO_WORLD CLEANUP(world_deinit)

// A client of the server: the other end of a socket pair.
int world_connect(World *world);
int world_connect_kind(World *world, int kind);

// Dispatches as long as there is something to do, without releasing.
void world_turn(World *world);
// The same, releasing what is held, until nothing moves.
void world_settle(World *world);

// Sends text and a NUL.
void say(int fd, const char *text);
void say_bytes(int fd, const void *bytes, size_t size);

// The next bytes are this message and its NUL.
void expect(int fd, const char *text);
void expect_nothing(int fd);
void expect_end(int fd);

#define ECHO(text) "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"" text "\"}}"
#define ECHOED(text) "{\"parameters\":{\"text\":\"" text "\"}}"
