// SPDX-License-Identifier: LGPL-2.1-or-later
// An interface, and behind a NUL byte, when there is one, an object that is checked against all its methods.
#include "base/utf8.h"
#include "ipc/idl.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AUTO_INTERFACE CLEANUP(cleanup_ipc_interface_free)

static void check(int r, const char *field) {
    size_t characters;

    // The field goes into a reply, which is JSON.
    if (r != 0 && (r != -EINVAL || utf8_count(field, strnlen(field, IPC_FIELD_MAX), &characters) < 0))
        abort();
}

static void check_methods(const IpcInterface *interface, const json_t *value) {
    const IpcMethodType *method;
    char field[IPC_FIELD_MAX];

    for (size_t i = 0; (method = ipc_interface_method_at(interface, i)) != NULL; i++) {
        if (ipc_interface_method(interface, ipc_method_name(method)) != method)
            abort();
        check(ipc_check_call(method, value, field), field);
        check(ipc_check_reply(method, value, field), field);
        check(ipc_check_call(method, NULL, field), field);
        check(ipc_check_error(interface, ipc_method_name(method), value, field), field);
    }
    check(ipc_check_type(interface, "T", value, field), field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_INTERFACE IpcInterface *interface = NULL;
    AUTO_JSON json_t *value = NULL;
    const char *text = (const char *)data;
    size_t length = size > 0 ? strnlen(text, size) : 0;
    char wrong[100] = "";

    int r = ipc_interface_parse(text, length, &interface, wrong, sizeof wrong);
    if (r < 0) {
        if (r != -EBADMSG || strncmp(wrong, "line ", 5) != 0)
            abort();
        return 0;
    }
    if (strlen(ipc_interface_text(interface)) != length || memcmp(ipc_interface_text(interface), text, length) != 0)
        abort();
    if (length < size && ipc_json_parse(text + length + 1, size - length - 1, &value, NULL, 0) == 0)
        check_methods(interface, value);
    return 0;
}
