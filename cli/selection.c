// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/selection.h"

#include "cli/connection.h"
#include "cli/memory.h"
#include "cli/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 1000 // jobs asked for at once

bool selection_given(const Arguments *arguments) {
    return arguments_has(arguments, OPTION_ALL) || arguments_has(arguments, OPTION_STATE) ||
           arguments_has(arguments, OPTION_USER);
}

static int parse_states(const Arguments *arguments, json_t *states) {
    AUTO_FREE char *list = memory_printf("%s", arguments->value[OPTION_STATE]);
    char *rest = list, *name;
    Status status;

    while ((name = strsep(&rest, ","))) {
        if (status_from_name(name, &status) < 0)
            return arguments_complain(arguments,
                                      "'%s' is no status: give some of notSubmitted, queued, running, canceling, "
                                      "finished, failed, canceled, with commas between them",
                                      name);
        memory_append(states, json_string(name));
    }
    return 0;
}

int selection_filter(const Arguments *arguments, bool live, json_t *filter) {
    json_t *states = memory_json(json_array());
    bool all = arguments_has(arguments, OPTION_ALL);
    const char *user = arguments->value[OPTION_USER];

    if (arguments_has(arguments, OPTION_STATE)) {
        memory_set(filter, "status", states);
        if (parse_states(arguments, states) < 0)
            return -EINVAL;
    } else if (!all || live) {
        memory_set(filter, "status", states);
        for (Status status = 0; status <= _STATUS_LAST; status++)
            if (!status_is_over(status))
                memory_append(states, json_string(status_name(status)));
    } else {
        json_decref(states);
    }
    if (user && !json_object_set_new(filter, "owner", json_string(user)))
        return 0;
    if (user)
        return arguments_complain(arguments, "'%s' is not UTF-8", user);
    if (!all) {
        AUTO_FREE char *self = memory_printf("%ju", (uintmax_t)geteuid());
        memory_set(filter, "owner", json_string(self));
    }
    return 0;
}

typedef struct Page {
    int (*each)(const json_t *reply, void *userdata);
    void *userdata;
    int64_t last; // id of the last job seen
    size_t n;     // jobs in this page
} Page;

static int take_job(const json_t *reply, void *userdata) {
    const json_t *job = json_object_get(reply, "job");
    Page *page = userdata;

    if (!json_is_object(job))
        return 0; // the end of an empty list
    page->last = json_integer_value(json_object_get(job, "id"));
    page->n++;
    return page->each(reply, page->userdata);
}

int selection_walk(const Arguments *arguments, json_t *filter, int (*each)(const json_t *reply, void *userdata),
                   void *userdata) {
    Page page = { .each = each, .userdata = userdata };
    int r = 0;

    memory_set(filter, "limit", json_integer(PAGE));
    do {
        page.n = 0;
        r = connection_stream(arguments, "ListJobs", json_deep_copy(filter), take_job, &page);
        memory_set(filter, "after", json_integer(page.last));
    } while (r >= 0 && page.n == PAGE);
    return r;
}
