// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/batch.h"

#include "agent/records.h"

#include <errno.h>
#include <stdlib.h>

typedef struct Element {
    StopWaiter waiter;
    Batch *batch;
    json_t *result;
    size_t same_as; // index of an earlier one, or its own
    uint64_t job;
    uint32_t task;
} Element;

struct Batch {
    Agent *agent;
    IpcCall *call; // NULL: the caller is gone
    BatchRender render;
    bool started;
    size_t n, n_waiting;
    Element elements[];
};

static void on_gone(IpcCall *call, void *userdata) {
    Batch *batch = userdata;

    (void)call;
    batch->call = NULL;
}

static int batch_new(Agent *agent, IpcCall *call, size_t n, BatchRender render, Batch **ret) {
    Batch *batch = calloc(1, sizeof *batch + n * sizeof *batch->elements);

    if (!batch)
        return -ENOMEM;
    batch->agent = agent;
    batch->call = call;
    batch->render = render;
    batch->n = n;
    for (size_t i = 0; i < n; i++) {
        batch->elements[i].batch = batch;
        batch->elements[i].same_as = i;
    }
    ipc_call_on_gone(call, on_gone, batch);
    *ret = batch;
    return 0;
}

static void answer(Batch *batch) {
    json_t *results = json_array();

    for (size_t i = 0; i < batch->n; i++)
        if (json_array_append(results, batch->elements[batch->elements[i].same_as].result) < 0) {
            json_decref(results);
            results = NULL;
            break;
        }
    IpcCall *call = batch->call;
    batch->call = NULL;
    if (call && results)
        ipc_call_reply(call, json_pack("{s:o}", "results", results));
    else if (call)
        ipc_call_error(call, "io.corral.Jobs.InternalError", json_pack("{s:s}", "reason", "out of memory"));
    else
        json_decref(results);
    for (size_t i = 0; i < batch->n; i++)
        json_decref(batch->elements[i].result);
    free(batch);
}

static void check(Batch *batch) {
    if (batch->started && batch->n_waiting == 0)
        answer(batch);
}

void batch_set(Batch *batch, size_t i, json_t *result) {
    batch->elements[i].result = result;
}

const IpcPeer *batch_peer(const Batch *batch) {
    return ipc_call_peer(batch->call);
}

Agent *batch_agent(const Batch *batch) {
    return batch->agent;
}

static void on_settled(StopWaiter *waiter, const Stop *stop, bool stuck) {
    Element *element = (Element *)waiter; // the waiter is its first member
    Batch *batch = element->batch;

    element->result = batch->render(batch->agent, element->job, element->task, stop, stuck);
    batch->n_waiting--;
    check(batch);
}

void batch_wait(Batch *batch, size_t i, uint64_t job, uint32_t task, Stop *stop) {
    Element *element = &batch->elements[i];

    element->waiter.settled = on_settled;
    element->job = job;
    element->task = task;
    batch->n_waiting++;
    stop_add_waiter(stop, &element->waiter);
}

// The index of the first element that names the same: i itself, or an earlier one.
static size_t find_same(const json_t *array, size_t i) {
    size_t same = 0;

    while (same < i && !json_equal(json_array_get(array, same), json_array_get(array, i)))
        same++;
    return same;
}

int batch_run(Agent *agent, IpcCall *call, const char *parameter, const json_t *array, BatchBegin begin,
              BatchRender render, void *userdata) {
    size_t n = json_array_size(array);
    Batch *batch;

    if (n > BATCH_MAX)
        return ipc_call_error(
            call, "io.corral.Jobs.TooMany",
            json_pack("{s:s, s:i, s:I}", "parameter", parameter, "limit", BATCH_MAX, "count", (json_int_t)n));
    records_drain(agent->records); // what has ended by itself up to now has ended by itself
    int r = batch_new(agent, call, n, render, &batch);
    if (r < 0)
        return r;
    agent_touch(agent);
    for (size_t i = 0; i < n; i++) {
        batch->elements[i].same_as = find_same(array, i);
        if (batch->elements[i].same_as != i)
            continue;
        r = begin(batch, i, json_array_get(array, i), userdata);
        if (r < 0) {
            agent_store_result(agent, r); // the call is answered with that, and nothing of it has happened
            batch_set(batch, i, json_object());
        }
    }
    batch->started = true;
    check(batch);
    return 0;
}
