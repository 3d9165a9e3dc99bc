// SPDX-License-Identifier: LGPL-2.1-or-later
// What the launcher and its reapers tell the agent: answers, and records of attempts. What is accepted has to make
// sense down to the text that clients see.
#include "agent/evidence.h"
#include "agent/launcher-reply.h"
#include "agent/verdict.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void *copy_aligned(const uint8_t *data, size_t size) {
    void *copy = malloc(size > 0 ? size : 1);

    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static void try_reply(const uint8_t *data, size_t size) {
    void *message = copy_aligned(data, size);
    LauncherReply reply;
    json_t *array;

    if (launcher_reply_parse(message, size, &reply) == 0) {
        if ((reply.welcome != NULL) + (reply.inspect != NULL) + (reply.probe != NULL) != 1)
            abort();
        if (reply.inspect) {
            if (evidence_to_json(reply.processes, reply.inspect->n, &array) < 0)
                abort();
            json_decref(array);
            free(evidence_to_text(reply.processes, reply.inspect->n));
        }
    }
    free(message);
}

// The key is that of the record itself, if there is one: it has been looked for by its name.
static void try_record(const uint8_t *data, size_t size) {
    LaunchRecord *record = copy_aligned(data, size);
    AttemptKey key = { 1, 1, 1, 1, 0 };

    if (size < sizeof *record) { // what cannot be told from a short file
        free(record);
        return;
    }
    key = record->key;
    if (launch_record_is_valid(record, size, &key)) {
        for (Intent intent = 0; intent <= _INTENT_LAST; intent++) {
            EndFacts facts = { .kind = END_RECORDED,
                               .record = record,
                               .job_intent = intent,
                               .intent_boottime = intent == INTENT_NONE ? 0 : 1000,
                               .oom_kills = size % 2 };
            Verdict verdict;
            verdict_decide(&facts, &verdict);
            // A number that is told is the one of the record.
            if (verdict.exit_code != -1 && (record->step != LAUNCH_STEP_NONE || !WIFEXITED(record->wait_status) ||
                                            verdict.exit_code != WEXITSTATUS(record->wait_status)))
                abort();
            if (verdict.signal != 0 && (record->step != LAUNCH_STEP_NONE || !WIFSIGNALED(record->wait_status)))
                abort();
            if (!memchr(verdict.text, '\0', sizeof verdict.text))
                abort();
        }
    }
    free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (data[0] & 1)
        try_record(data + 1, size - 1);
    else
        try_reply(data + 1, size - 1);
    return 0;
}
