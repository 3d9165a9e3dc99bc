// SPDX-License-Identifier: LGPL-2.1-or-later
// Varlink interface definitions: parsed from their text and used to check calls and replies.
// Grammar: https://varlink.org/Interface-Definition
#pragma once

#include "base/cleanup.h"
#include "ipc/json.h"

typedef struct IpcInterface IpcInterface;
typedef struct IpcMethodType IpcMethodType;

// Parses the text of one interface. -EBADMSG with "line L, column C: what" in reterr_text on a mistake, among them:
// unknown or recursive types (recursion through array, map or nullable is fine), names used twice, nesting beyond 32.
int ipc_interface_parse(const char *text, size_t size, IpcInterface **ret, char *reterr_text, size_t text_size);
IpcInterface *ipc_interface_free(IpcInterface *interface);
DEFINE_CLEANUP(IpcInterface, ipc_interface_free)

const char *ipc_interface_name(const IpcInterface *interface);
const char *ipc_interface_text(const IpcInterface *interface); // as it was parsed, comments included

// Methods by name without the interface prefix; NULL when there is none. By index for walking, NULL behind the last.
const IpcMethodType *ipc_interface_method(const IpcInterface *interface, const char *name);
const IpcMethodType *ipc_interface_method_at(const IpcInterface *interface, size_t index);
const char *ipc_method_name(const IpcMethodType *method);

// Room for the path of a field, such as "job.tasks[3].command".
#define IPC_FIELD_MAX 256

// Each check: 0, or -EINVAL with the path of the first offending field in ret_field. Offending is: unknown, missing and
// not nullable, null and not nullable, of another type, not a member of the enum. An absent nullable field is null.
int ipc_check_call(const IpcMethodType *method, const json_t *parameters, char ret_field[static IPC_FIELD_MAX]);
int ipc_check_reply(const IpcMethodType *method, const json_t *parameters, char ret_field[static IPC_FIELD_MAX]);
int ipc_check_error(const IpcInterface *interface, const char *name, const json_t *parameters,
                    char ret_field[static IPC_FIELD_MAX]);
// A value against a named type of the interface (for job files).
int ipc_check_type(const IpcInterface *interface, const char *type, const json_t *value,
                   char ret_field[static IPC_FIELD_MAX]);
