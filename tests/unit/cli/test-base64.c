// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/base64.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void expect(const char *text, const char *bytes, size_t size) {
    Buffer buffer = BUFFER_NULL;

    cr_expect_eq(base64_decode(text, strlen(text), &buffer), 0, "'%s'", text);
    cr_expect_eq(buffer_size(&buffer), size, "'%s'", text);
    cr_expect(size == 0 || memcmp(buffer_bytes(&buffer), bytes, size) == 0, "'%s'", text);
    buffer_deinit(&buffer);
}

Test(base64, decodes_the_vectors_of_the_rfc) {
    expect("", "", 0);
    expect("Zg==", "f", 1);
    expect("Zm8=", "\x66o", 2);
    expect("Zm9v", "foo", 3);
    expect("Zm9vYg==", "foob", 4);
    expect("Zm9vYmE=", "fooba", 5);
    expect("Zm9vYmFy", "foobar", 6);
    expect("AP/+gA==", "\0\xff\xfe\x80", 4);
    expect("+/+/", "\xfb\xff\xbf", 3);
}

Test(base64, appends) {
    Buffer buffer = BUFFER_NULL;

    cr_assert_eq(base64_decode("Zg==", 4, &buffer), 0);
    cr_assert_eq(base64_decode("Zm8=", 4, &buffer), 0);
    cr_expect_eq(buffer_size(&buffer), 3);
    cr_expect_eq(memcmp(buffer_bytes(&buffer), "ffo", 3), 0);
    buffer_deinit(&buffer);
}

Test(base64, refuses_what_no_encoder_writes) {
    const char *wrong[] = { "Z",      "Zg",   "Zg=",  "Zh==",  "Zm9=",     "=Zg=",     "Z===", "====",
                            "Zm9v\n", "Zm-v", "Zm_v", "Zm 9v", "Zg==Zg==", "Zm8=Zm8=", "Z=g=", "Zm9vZ" };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Buffer buffer = BUFFER_NULL;
        cr_expect_eq(base64_decode(wrong[i], strlen(wrong[i]), &buffer), -EBADMSG, "'%s'", wrong[i]);
        cr_expect_eq(buffer_size(&buffer), 0, "'%s'", wrong[i]);
        buffer_deinit(&buffer);
    }
}

Test(base64, refuses_a_nul_character) {
    Buffer buffer = BUFFER_NULL;

    cr_expect_eq(base64_decode("Zm\0v", 4, &buffer), -EBADMSG);
    buffer_deinit(&buffer);
}
