// SPDX-License-Identifier: LGPL-2.1-or-later
// The words are those of the interface, all of them and no others.
#include "agent/status.h"

#include "ipc/idl.h"
#include "ipc/interfaces.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// Calls see for each member of an enum of the interface, in order.
static void each_member(const char *type, void (*see)(size_t i, const char *name)) {
    char start[64], name[64];
    size_t n = 0;

    (void)snprintf(start, sizeof start, "\ntype %s (", type);
    const char *text = strstr(ipc_interface_text_io_corral_jobs, start);
    cr_assert_neq(text, NULL);
    for (text += strlen(start); *text != ')';) {
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        cr_assert_lt(length, sizeof name);
        if (length == 0) {
            cr_assert(isspace((unsigned char)*text) || *text == ',');
            text++;
            continue;
        }
        memcpy(name, text, length);
        name[length] = '\0';
        see(n++, name);
        text += length;
    }
    see(n, NULL);
}

static void see_status(size_t i, const char *name) {
    Status status;

    cr_assert_eq(!name, i == _STATUS_LAST + 1);
    if (!name)
        return;
    cr_assert_eq(status_from_name(name, &status), 0, "%s", name);
    cr_assert_str_eq(status_name(status), name);
}

static void see_priority(size_t i, const char *name) {
    Priority priority;

    cr_assert_eq(!name, i == _PRIORITY_LAST + 1);
    if (!name)
        return;
    cr_assert_eq(priority_from_name(name, &priority), 0, "%s", name);
    cr_assert_eq(priority, i); // their order means something
}

static void see_cause(size_t i, const char *name) {
    size_t found = 0;

    cr_assert_eq(!name, i == _CAUSE_LAST);
    for (Cause cause = CAUSE_NONE + 1; name && cause <= _CAUSE_LAST; cause++)
        found += strcmp(cause_name(cause), name) == 0;
    cr_assert_eq(found, name ? 1 : 0);
}

Test(status, words_of_the_interface) {
    each_member("Status", see_status);
    each_member("Priority", see_priority);
    each_member("Cause", see_cause);
}

Test(status, the_interface_takes_them) {
    IpcInterface *interface = NULL;
    char field[IPC_FIELD_MAX], text[256];

    cr_assert_eq(ipc_interface_parse(ipc_interface_text_io_corral_jobs, strlen(ipc_interface_text_io_corral_jobs),
                                     &interface, text, sizeof text),
                 0, "%s", text);
    for (Status status = 0; status <= _STATUS_LAST; status++) {
        AUTO_JSON json_t *name = json_string(status_name(status));
        cr_assert_eq(ipc_check_type(interface, "Status", name, field), 0);
    }
    ipc_interface_free(interface);
}

Test(status, others) {
    Status status = STATUS_RUNNING;
    Priority priority = PRIORITY_LOWEST;

    cr_assert_eq(cause_name(CAUSE_NONE), NULL);
    cr_assert_eq(status_from_name("Running", &status), -EINVAL);
    cr_assert_eq(status_from_name("", &status), -EINVAL);
    cr_assert_eq(status, STATUS_RUNNING);
    cr_assert_eq(priority_from_name("urgent", &priority), -EINVAL);
    for (Status each = 0; each <= _STATUS_LAST; each++)
        cr_assert_eq(status_is_terminal(each),
                     each == STATUS_FINISHED || each == STATUS_FAILED || each == STATUS_CANCELED);
}
