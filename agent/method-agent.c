// SPDX-License-Identifier: LGPL-2.1-or-later
// The agent itself: GetParameters, SetParameter, GetStatus.
#include "agent/access.h"
#include "agent/jobs.h"
#include "agent/launcher-client.h"
#include "agent/method-common.h"
#include "agent/methods.h"
#include "agent/render.h"
#include "agent/retention.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

static int no_such_parameter(IpcCall *call, const char *name) {
    return ipc_call_error(call, "io.corral.Jobs.NoSuchParameter", json_pack("{s:s}", "name", name));
}

static int append_parameter(json_t *array, const Parameters *parameters, Parameter parameter) {
    json_t *object;

    int r = parameter_to_json(parameters, parameter, &object);
    if (r < 0)
        return r;
    return json_array_append_new(array, object) < 0 ? -ENOMEM : 0;
}

int method_get_parameters(IpcCall *call, const json_t *parameters, void *userdata) {
    const Agent *agent = userdata;
    const json_t *names = json_object_get(parameters, "names");
    AUTO_JSON json_t *array = json_array();
    int r = array ? 0 : -ENOMEM;

    if (!json_is_array(names)) {
        for (Parameter parameter = 0; r >= 0 && parameter <= _PARAMETER_LAST; parameter++)
            r = append_parameter(array, &agent->parameters, parameter);
    }
    for (size_t i = 0; r >= 0 && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        Parameter parameter;
        if (parameter_from_name(name, &parameter) < 0)
            return no_such_parameter(call, name);
        r = append_parameter(array, &agent->parameters, parameter);
    }
    return r < 0 ? r : ipc_call_reply(call, json_pack("{s:O}", "parameters", array));
}

int method_set_parameter(IpcCall *call, const json_t *parameters, void *userdata) {
    const char *name = json_string_value(json_object_get(parameters, "name"));
    const char *text = json_string_value(json_object_get(parameters, "value"));
    Agent *agent = userdata;
    Parameter parameter;
    uint64_t value;

    if (!access_is_administrator(agent, ipc_call_peer(call)))
        return ipc_call_error(call, "io.corral.Jobs.PermissionDenied", NULL);
    if (parameter_from_name(name, &parameter) < 0)
        return no_such_parameter(call, name);
    if (parameter_parse(parameter, text, &value) < 0)
        return ipc_call_error(call, "io.corral.Jobs.ParameterOutOfRange", parameter_range(parameter));
    if (method_refuse_unwritable(agent, call))
        return 0;
    agent_store_result(agent, store_set_parameter(agent->store, parameter_name(parameter), text));
    agent->parameters.value[parameter] = value;
    // More slots may start something: the queue is looked at before the commit.
    if (parameter == PARAMETER_TTL_COMPLETED_JOBS)
        retention_run(agent);
    return ipc_call_reply(call, NULL);
}

// The names of a set of controllers.
static json_t *controller_names(CgroupControllers controllers) {
    json_t *names = json_array();

    for (CgroupController controller = 0; names && controller <= _CGROUP_CONTROLLER_LAST; controller++)
        if ((controllers & 1u << controller) &&
            json_array_append_new(names, json_string(cgroup_controller_name(controller))) < 0) {
            json_decref(names);
            names = NULL;
        }
    return names;
}

static json_t *render_self_test(const Agent *agent) {
    const CgroupControllers all = (1u << (_CGROUP_CONTROLLER_LAST + 1)) - 1;
    const CgroupSelfTest *test = &agent->self_test;
    struct utsname kernel;

    if (uname(&kernel) < 0)
        return NULL;
    return json_pack("{s:b, s:b, s:b, s:o, s:o, s:o, s:s}", "cloneInto", (int)test->clone_into, "freeze",
                     (int)test->freeze, "kill", (int)test->kill, "emptyNotice",
                     test->empty_notice_usec == RECORD_UNKNOWN ? json_null()
                                                               : json_integer((json_int_t)test->empty_notice_usec),
                     "controllers", controller_names(agent->controllers), "missingControllers",
                     controller_names(all & ~agent->controllers), "kernel", kernel.release);
}

static int count(const Agent *agent, json_t **ret_jobs, json_t **ret_tasks) {
    uint64_t jobs[_STATUS_LAST + 1], tasks[_STATUS_LAST + 1];

    int r = store_count_jobs(agent->store, jobs);
    if (r >= 0)
        r = store_count_tasks(agent->store, 0, tasks);
    if (r >= 0)
        r = render_counts(jobs, ret_jobs);
    if (r >= 0)
        r = render_counts(tasks, ret_tasks);
    return r;
}

int method_get_status(IpcCall *call, const json_t *parameters, void *userdata) {
    const Agent *agent = userdata;
    AUTO_JSON json_t *jobs = NULL, *tasks = NULL;
    char root[2 * PATH_MAX];

    (void)parameters;
    int r = count(agent, &jobs, &tasks);
    if (r < 0)
        return r;
    const char *path = agent->cgroup_path ? agent->cgroup_path : "";
    (void)snprintf(root, sizeof root, "%s%s%s", agent->mount.path, path[0] == '/' ? "" : "/", path);
    json_t *status = json_pack("{s:s, s:I, s:s, s:I, s:I, s:O, s:O, s:I, s:b, s:b, s:s, s:s?, s:o}", "version",
                               CORRAL_VERSION, "startTime", (json_int_t)agent->start_time, "bootId", agent->boot_id,
                               "slots", (json_int_t)agent->parameters.value[PARAMETER_SLOTS], "slotsInUse",
                               (json_int_t)jobs_slots_in_use(agent->jobs), "jobs", jobs, "tasks", tasks, "connections",
                               (json_int_t)ipc_server_connections(agent->server), "launcherConnected",
                               (int)launcher_connected(agent->launcher), "storeWritable", (int)agent->store_writable,
                               "cgroupRoot", root, "held", agent_held(agent), "selfTest", render_self_test(agent));
    return status ? ipc_call_reply(call, status) : -ENOMEM;
}
