// SPDX-License-Identifier: LGPL-2.1-or-later
// A list that is answered row by row, each in a reply of its own, page by page: between pages the event loop turns, and
// it waits when the client does not keep up. The last row is the final reply; an empty list is one final reply whose
// row is null.
#pragma once

#include "agent/agent.h"

typedef struct Listing Listing;

typedef enum ListingResult {
    LISTING_GO_ON, // also returned by a page that has come to the end
    LISTING_PAGE_FULL,
    LISTING_COMPLETE, // as many rows as were asked for
} ListingResult;

// Reads on from where the last page ended, telling each row by listing_add() or listing_skip() and ending the page when
// these say so. Returns the ListingResult that ended it, or a negative errno.
typedef int (*ListingPage)(Listing *listing, void *query);

// Answers the call with the list. field: the name of a row in a reply. limit: rows at most, 0: all. Takes the query and
// frees it with query_free when the list is told or its client is gone. The first page is told at once. Negative errno
// when nothing was begun (the query is freed).
int listing_start(Agent *agent, IpcCall *call, const char *field, uint64_t limit, ListingPage page, void *query,
                  void (*query_free)(void *query));

// A row (stolen). A ListingResult or a negative errno.
int listing_add(Listing *listing, json_t *row);

// A row was looked at that is not told: LISTING_GO_ON or LISTING_PAGE_FULL.
int listing_skip(Listing *listing);

// Who asks.
const IpcPeer *listing_peer(const Listing *listing);
Agent *listing_agent(const Listing *listing);
