// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/message.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define AUTO_BUFFER CLEANUP(buffer_deinit)

Test(message, reads_calls) {
    AUTO_JSON json_t *message =
        json_loads("{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"more\":true,\"oneway\":false,"
                   "\"upgrade\":null,\"org.example.extension\":[]}",
                   0, NULL);
    const char *wrong = NULL;
    IpcRequest request;

    cr_assert_eq(ipc_request_read(message, &request, &wrong), 0);
    cr_assert_str_eq(request.method, "a.b.C");
    cr_assert_eq(json_object_size(request.parameters), 1);
    cr_assert(request.more);
    cr_assert_not(request.oneway);
    cr_assert_not(request.upgrade);
}

Test(message, names_what_is_wrong) {
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        { "{}", "method" },
        { "{\"method\":1}", "method" },
        { "{\"method\":null}", "method" },
        { "{\"method\":\"a.b.C\",\"parameters\":[]}", "parameters" },
        { "{\"method\":\"a.b.C\",\"parameters\":\"\"}", "parameters" },
        { "{\"method\":\"a.b.C\",\"more\":1}", "more" },
        { "{\"method\":\"a.b.C\",\"oneway\":\"\"}", "oneway" },
        { "{\"method\":\"a.b.C\",\"upgrade\":{}}", "upgrade" },
        { "{\"method\":\"a.b.C\",\"more\":true,\"oneway\":true}", "more" },
        { "{\"method\":\"a.b.C\",\"extension\":true}", "extension" },
        { "{\"method\":\"a.b.C\",\"\":true}", "" },
        { "{\"method\":\"a.b.C\",\"continues\":false}", "continues" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO_JSON json_t *message = json_loads(cases[i].text, 0, NULL);
        const char *wrong = NULL;
        IpcRequest request;
        cr_assert_eq(ipc_request_read(message, &request, &wrong), -EINVAL, "%s", cases[i].text);
        cr_assert_str_eq(wrong, cases[i].wrong);
    }
}

Test(message, oneway_is_known_even_when_the_rest_is_wrong) {
    AUTO_JSON json_t *message = json_loads("{\"oneway\":true,\"bad\":1}", 0, NULL);
    const char *wrong = NULL;
    IpcRequest request;

    cr_assert_eq(ipc_request_read(message, &request, &wrong), -EINVAL);
    cr_assert(request.oneway);
}

static void expect(Buffer *buffer, const char *text) {
    cr_assert_eq(buffer_size(buffer), strlen(text) + 1);
    cr_assert_str_eq((const char *)buffer_bytes(buffer), text);
    buffer_consume(buffer, buffer_size(buffer));
}

Test(message, prints) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;
    AUTO_JSON json_t *parameters = json_pack("{s:s}", "a", "\"");

    cr_assert_eq(ipc_message_print_call(&buffer, "a.b.C", NULL, false, false), 0);
    expect(&buffer, "{\"method\":\"a.b.C\",\"parameters\":{}}");
    cr_assert_eq(ipc_message_print_call(&buffer, "a.\"b", parameters, true, false), 0);
    expect(&buffer, "{\"method\":\"a.\\\"b\",\"parameters\":{\"a\":\"\\\"\"},\"more\":true}");
    cr_assert_eq(ipc_message_print_call(&buffer, "a.b.C", NULL, false, true), 0);
    expect(&buffer, "{\"method\":\"a.b.C\",\"parameters\":{},\"oneway\":true}");
    cr_assert_eq(ipc_message_print_reply(&buffer, NULL, false), 0);
    expect(&buffer, "{\"parameters\":{}}");
    cr_assert_eq(ipc_message_print_reply(&buffer, parameters, true), 0);
    expect(&buffer, "{\"parameters\":{\"a\":\"\\\"\"},\"continues\":true}");
    cr_assert_eq(ipc_message_print_error(&buffer, "a.b.E", parameters), 0);
    expect(&buffer, "{\"error\":\"a.b.E\",\"parameters\":{\"a\":\"\\\"\"}}");
}

Test(message, what_cannot_be_printed_leaves_nothing_behind) {
    AUTO_BUFFER Buffer buffer = BUFFER_NULL;

    cr_assert_eq(ipc_message_print_reply(&buffer, NULL, false), 0);
    size_t before = buffer_size(&buffer);
    cr_assert_lt(ipc_message_print_call(&buffer, "\xff", NULL, false, false), 0);
    cr_assert_eq(buffer_size(&buffer), before);
}
