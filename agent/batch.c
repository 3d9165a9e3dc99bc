// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/batch.h"

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

int batch_new(Agent *agent, IpcCall *call, size_t n, BatchRender render, Batch **ret) {
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

void batch_same(Batch *batch, size_t i, size_t earlier) {
    batch->elements[i].same_as = earlier;
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

void batch_start(Batch *batch) {
    batch->started = true;
    check(batch);
}
