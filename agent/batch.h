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

int batch_new(Agent *agent, IpcCall *call, size_t n, BatchRender render, Batch **ret);

// Element i has its result (stolen; NULL counts as out of memory).
void batch_set(Batch *batch, size_t i, json_t *result);

// Element i is the same as an earlier one.
void batch_same(Batch *batch, size_t i, size_t earlier);

// Element i waits for a stop. task 0: a whole job.
void batch_wait(Batch *batch, size_t i, uint64_t job, uint32_t task, Stop *stop);

// All elements are set or waiting: answers now if nothing is left to wait for. The batch belongs to itself from here
// on.
void batch_start(Batch *batch);
