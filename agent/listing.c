// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/listing.h"

#include "base/clock.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

#define PAGE_ROWS 100
#define PAGE_TIME (2 * USEC_PER_MSEC) // some rows take longer than others

struct Listing {
    Agent *agent;
    IpcCall *call;
    const char *field;
    bool limited;
    uint64_t left; // when limited
    ListingPage page;
    void *query;
    void (*query_free)(void *query);
    json_t *held; // the newest row: whether it is the last one is not known yet
    uint32_t looked_at;
    uint64_t page_end;
    sd_event_source *next_page;
};

static void listing_free(Listing *listing) {
    sd_event_source_disable_unref(listing->next_page);
    json_decref(listing->held);
    listing->query_free(listing->query);
    free(listing);
}

const IpcPeer *listing_peer(const Listing *listing) {
    return ipc_call_peer(listing->call);
}

Agent *listing_agent(const Listing *listing) {
    return listing->agent;
}

int listing_skip(Listing *listing) {
    return ++listing->looked_at >= PAGE_ROWS || clock_boottime() >= listing->page_end ? LISTING_PAGE_FULL
                                                                                      : LISTING_GO_ON;
}

int listing_add(Listing *listing, json_t *row) {
    if (!row)
        return -ENOMEM;
    json_t *before = listing->held;
    listing->held = row;
    if (before) {
        int r = ipc_call_reply_more(listing->call, json_pack("{s:o}", listing->field, before));
        if (r < 0)
            return r;
    }
    if (listing->limited && --listing->left == 0)
        return LISTING_COMPLETE;
    return listing_skip(listing);
}

// The listing is gone before the call is over, so that nobody meets it any more.
static void finish(Listing *listing, int error) {
    IpcCall *call = listing->call;
    json_t *row = listing->held ? json_incref(listing->held) : json_null();
    const char *field = listing->field;

    ipc_call_on_gone(call, NULL, NULL);
    ipc_call_on_drained(call, NULL, NULL);
    listing_free(listing);
    if (error < 0) {
        json_decref(row);
        (void)ipc_call_error(call, "io.corral.Jobs.InternalError", json_pack("{s:s}", "reason", strerror(-error)));
    } else {
        (void)ipc_call_reply(call, json_pack("{s:o}", field, row));
    }
}

static void tell_page(Listing *listing) {
    Agent *agent = listing->agent;

    listing->looked_at = 0;
    listing->page_end = clock_boottime() + PAGE_TIME;
    int r = listing->page(listing, listing->query);
    if (r == LISTING_PAGE_FULL) {
        // A congested one goes on when its client has drained.
        if (!ipc_call_congested(listing->call))
            r = sd_event_source_set_enabled(listing->next_page, SD_EVENT_ONESHOT);
        if (r < 0)
            finish(listing, r);
    } else {
        finish(listing, r);
    }
    agent_touch(agent);
}

static int on_next_page(sd_event_source *source, void *userdata) {
    (void)source;
    tell_page(userdata);
    return 0;
}

static void on_drained(IpcCall *call, void *userdata) {
    Listing *listing = userdata;

    (void)call;
    (void)sd_event_source_set_enabled(listing->next_page, SD_EVENT_ONESHOT);
}

static void on_gone(IpcCall *call, void *userdata) {
    (void)call;
    listing_free(userdata);
}

int listing_start(Agent *agent, IpcCall *call, const char *field, uint64_t limit, ListingPage page, void *query,
                  void (*query_free)(void *query)) {
    Listing *listing = calloc(1, sizeof *listing);

    if (!listing) {
        query_free(query);
        return -ENOMEM;
    }
    *listing = (Listing){ .agent = agent,
                          .call = call,
                          .field = field,
                          .limited = limit > 0,
                          .left = limit,
                          .page = page,
                          .query = query,
                          .query_free = query_free };
    int r = sd_event_add_defer(agent->event, &listing->next_page, on_next_page, listing);
    if (r >= 0)
        r = sd_event_source_set_enabled(listing->next_page, SD_EVENT_OFF);
    if (r < 0) {
        listing_free(listing);
        return r;
    }
    ipc_call_on_gone(call, on_gone, listing);
    ipc_call_on_drained(call, on_drained, listing);
    tell_page(listing);
    return 0;
}
