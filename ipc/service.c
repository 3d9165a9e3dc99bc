// SPDX-License-Identifier: LGPL-2.1-or-later
// org.varlink.service: what every server tells about itself.
#include "ipc/call.h"
#include "ipc/interfaces.h"

#include <errno.h>
#include <string.h>

static int get_info(IpcCall *call, const json_t *parameters, void *userdata) {
    const IpcServer *server = userdata;
    const IpcServerConfig *config = &server->config;
    AUTO_JSON json_t *interfaces = json_array();

    (void)parameters;
    for (size_t i = 0; i < server->n_bindings; i++)
        if (json_array_append_new(interfaces, json_string(ipc_interface_name(server->bindings[i]->interface))) < 0)
            return -ENOMEM;
    json_t *reply = json_pack("{s:s, s:s, s:s, s:s, s:O}", "vendor", config->vendor, "product", config->product,
                              "version", config->version, "url", config->url, "interfaces", interfaces);
    return reply ? ipc_call_reply(call, reply) : -ENOMEM;
}

static int get_interface_description(IpcCall *call, const json_t *parameters, void *userdata) {
    const char *name = json_string_value(json_object_get(parameters, "interface"));
    const IpcBinding *binding = ipc_server_find_binding(userdata, name, strlen(name));

    if (!binding)
        return ipc_call_service_error(call, "InterfaceNotFound", "interface", name);
    json_t *reply = json_pack("{s:s}", "description", ipc_interface_text(binding->interface));
    return reply ? ipc_call_reply(call, reply) : -ENOMEM;
}

int ipc_server_add_service(IpcServer *server) {
    static const IpcMethod methods[] = {
        { "GetInfo", get_info, false },
        { "GetInterfaceDescription", get_interface_description, false },
    };

    return ipc_server_add_interface(server, ipc_interface_text_org_varlink_service, methods,
                                    sizeof methods / sizeof *methods, server);
}
