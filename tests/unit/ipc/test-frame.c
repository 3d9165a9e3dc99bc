// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/frame.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define AUTO_FRAMES CLEANUP(ipc_frames_deinit)

static void add(IpcFrames *frames, const char *bytes, size_t size) {
    cr_assert_eq(ipc_frames_append(frames, bytes, size), 0);
}

static void expect(IpcFrames *frames, const char *message) {
    const char *text;
    size_t size;

    cr_assert(ipc_frames_pending(frames));
    cr_assert_eq(ipc_frames_next(frames, &text, &size), 1);
    cr_assert_eq(size, strlen(message));
    cr_assert_str_eq(text, message);
}

static void expect_none(IpcFrames *frames, int why) {
    const char *text;
    size_t size;

    cr_assert_eq(ipc_frames_pending(frames), why != 0);
    cr_assert_eq(ipc_frames_next(frames, &text, &size), why);
}

Test(frame, many_messages_in_one_piece) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(100);

    expect_none(&frames, 0);
    add(&frames, "one\0two\0\0thr", 12);
    expect(&frames, "one");
    expect(&frames, "two");
    expect(&frames, "");
    expect_none(&frames, 0);
    add(&frames, "ee\0", 3);
    expect(&frames, "three");
    expect_none(&frames, 0);
}

Test(frame, one_message_in_many_pieces) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(100);

    for (const char *c = "hello"; *c; c++) {
        add(&frames, c, 1);
        expect_none(&frames, 0);
    }
    add(&frames, "", 1);
    expect(&frames, "hello");
}

Test(frame, the_limit_is_a_length_without_the_nul) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(5);

    add(&frames, "12345\0", 6);
    expect(&frames, "12345");
    add(&frames, "12345", 5);
    expect_none(&frames, 0);
    add(&frames, "6", 1);
    expect_none(&frames, -EMSGSIZE);
    expect_none(&frames, -EMSGSIZE);
}

Test(frame, too_long_is_too_long_with_its_end_too) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(5);

    add(&frames, "ok\0abcdef\0ok", 13);
    expect(&frames, "ok");
    expect_none(&frames, -EMSGSIZE);
}

// 4 MiB byte by byte take a moment; with each byte looked at for each byte added they would take hours.
Test(frame, no_byte_is_scanned_twice) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(8 * 1024 * 1024);

    for (size_t i = 0; i < (size_t)4 * 1024 * 1024; i++) {
        add(&frames, "x", 1);
        expect_none(&frames, 0);
    }
    cr_assert_lt(clock() / CLOCKS_PER_SEC, 20);
}

Test(frame, an_empty_one_keeps_no_memory) {
    AUTO_FRAMES IpcFrames frames = IPC_FRAMES_NULL(1024 * 1024);
    static char large[50001];

    memset(large, 'x', 50000);
    add(&frames, large, sizeof large);
    expect(&frames, large);
    expect_none(&frames, 0);
    cr_assert_leq(frames.buffer.allocated, 4096);
}
