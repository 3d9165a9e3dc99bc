// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/buffer.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define AUTO_BUFFER CLEANUP(buffer_deinit)

static void expect(const Buffer *buffer, const char *text) {
    cr_assert_eq(buffer_size(buffer), strlen(text));
    cr_assert_arr_eq(buffer_bytes(buffer), text, strlen(text));
}

Test(buffer, begins_empty) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_size(&buffer), 0);
    cr_assert_null(buffer_bytes(&buffer));
    buffer_consume(&buffer, 0);
    buffer_consume(&buffer, 10);
    cr_assert_eq(buffer_size(&buffer), 0);
}

Test(buffer, appends_and_consumes_in_order) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_append(&buffer, "hello ", 6), 0);
    cr_assert_eq(buffer_append(&buffer, NULL, 0), 0);
    cr_assert_eq(buffer_append(&buffer, "world", 5), 0);
    expect(&buffer, "hello world");
    buffer_consume(&buffer, 6);
    expect(&buffer, "world");
    buffer_consume(&buffer, 5);
    expect(&buffer, "");
    cr_assert_eq(buffer_append(&buffer, "again", 5), 0);
    expect(&buffer, "again");
}

Test(buffer, consuming_more_than_there_is_empties) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_append(&buffer, "abc", 3), 0);
    buffer_consume(&buffer, SIZE_MAX);
    cr_assert_eq(buffer_size(&buffer), 0);
    cr_assert_eq(buffer_append(&buffer, "d", 1), 0);
    expect(&buffer, "d");
}

Test(buffer, reserve_does_not_move_the_end) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_append(&buffer, "ab", 2), 0);
    char *room = buffer_reserve(&buffer, 1000);
    cr_assert_not_null(room);
    memset(room, 'x', 1000);
    expect(&buffer, "ab");
    cr_assert_eq((void *)room, (void *)(buffer_bytes(&buffer) + 2));
    cr_assert_geq(buffer.allocated - buffer.end, 1000);
}

Test(buffer, reserve_of_nothing_gives_an_address) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_not_null(buffer_reserve(&buffer, 0));
    cr_assert_eq(buffer_size(&buffer), 0);
}

// Many sizes appended and consumed at different speeds, so that the bytes are moved, grown and wrapped to the front in
// every combination; what comes out is compared byte by byte with what went in.
Test(buffer, keeps_every_byte_while_growing) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;
    uint8_t chunk[512], in = 0, out = 0;

    for (size_t round = 0; round < 4000; round++) {
        size_t size = round * 7 % sizeof chunk;
        for (size_t i = 0; i < size; i++)
            chunk[i] = in++;
        cr_assert_eq(buffer_append(&buffer, chunk, size), 0);
        cr_assert_leq(buffer.end, buffer.allocated);
        size_t consumed = round * 11 % 480;
        if (consumed > buffer_size(&buffer))
            consumed = buffer_size(&buffer);
        for (size_t i = 0; i < consumed; i++)
            cr_assert_eq(buffer_bytes(&buffer)[i], out++);
        buffer_consume(&buffer, consumed);
    }
    for (size_t i = 0; i < buffer_size(&buffer); i++)
        cr_assert_eq(buffer_bytes(&buffer)[i], out++);
    cr_assert_eq(in, out);
}

Test(buffer, steady_traffic_does_not_grow_it) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_append(&buffer, "0123456789", 10), 0); // never quite empty
    for (int i = 0; i < 100000; i++) {
        cr_assert_eq(buffer_append(&buffer, "0123456789", 10), 0);
        buffer_consume(&buffer, 10);
    }
    cr_assert_leq(buffer.allocated, 1024);
}

Test(buffer, impossible_sizes_leave_it_as_it_was) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_append(&buffer, "abc", 3), 0);
    cr_assert_null(buffer_reserve(&buffer, SIZE_MAX));
    cr_assert_null(buffer_reserve(&buffer, SIZE_MAX - 3));
    cr_assert_eq(buffer_append(&buffer, "abc", SIZE_MAX / 2), -ENOMEM);
    expect(&buffer, "abc");
}

Test(buffer, prints_text_of_any_length) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;
    char text[5001];

    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_assert_eq(buffer_printf(&buffer, "%s-%d;", "a", 42), 0);
    expect(&buffer, "a-42;");
    cr_assert_eq(buffer_printf(&buffer, "%s", ""), 0);
    expect(&buffer, "a-42;");
    cr_assert_eq(buffer_printf(&buffer, "%s", text), 0);
    cr_assert_eq(buffer_size(&buffer), 5005);
    cr_assert_arr_eq(buffer_bytes(&buffer) + 5, text, 5000);
}

Test(buffer, gives_large_memory_back_when_empty) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_not_null(buffer_reserve(&buffer, 1 << 20));
    cr_assert_eq(buffer_append(&buffer, "abc", 3), 0);
    buffer_consume(&buffer, 2);
    cr_assert_geq(buffer.allocated, 1 << 20);
    buffer_consume(&buffer, 1);
    cr_assert_eq(buffer.allocated, 0);
    cr_assert_null(buffer.data);
}

Test(buffer, deinit_leaves_it_usable) {
    Buffer buffer = BUFFER_NULL;

    cr_assert_eq(buffer_append(&buffer, "abc", 3), 0);
    buffer_deinit(&buffer);
    cr_assert_eq(buffer_size(&buffer), 0);
    buffer_deinit(&buffer);
    cr_assert_eq(buffer_append(&buffer, "d", 1), 0);
    expect(&buffer, "d");
    buffer_deinit(&buffer);
}
