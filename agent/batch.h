// SPDX-License-Identifier: LGPL-2.1-or-later
// A call about several jobs or tasks that is answered element by element, in the order asked, once each is settled.
// What was begun goes on when the caller goes away.
#pragma once

#include "agent/stop.h"
#include "ipc/server.h"

typedef struct Batch Batch;

// Makes the result of a settled element: a new reference, NULL when out of memory. stop is NULL when the agent had to
// give up waiting.
typedef json_t *(*BatchRender)(Agent *agent, uint64_t job, uint32_t task, const Stop *stop, bool stuck);

// Takes up one element: either batch_set(), at once, or batch_wait(). A negative errno takes the whole turn back.
typedef int (*BatchBegin)(Batch *batch, size_t i, const json_t *element, void *userdata);

#define BATCH_MAX 1000 // elements of a call

// Answers the call with TooMany, naming the parameter, when the array is too long; else takes up each element in order,
// one that is named again only once, and answers when all are settled. Negative errno when out of memory.
int batch_run(Agent *agent, IpcCall *call, const char *parameter, const json_t *array, BatchBegin begin,
              BatchRender render, void *userdata);

// Who asks.
const IpcPeer *batch_peer(const Batch *batch);
Agent *batch_agent(const Batch *batch);

// Element i has its result (stolen; NULL counts as out of memory).
void batch_set(Batch *batch, size_t i, json_t *result);

// Element i waits for a stop. task 0: a whole job.
void batch_wait(Batch *batch, size_t i, uint64_t job, uint32_t task, Stop *stop);
