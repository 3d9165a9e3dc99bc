// SPDX-License-Identifier: LGPL-2.1-or-later
// An agent that answers from a script, in a process of its own, and the command run against it.
#pragma once

#include <stddef.h>

// What to answer to the next call of a method.
typedef struct FakeAnswer {
    const char *method; // without the interface
    // JSON objects on lines of their own: all but the last continue. "NoSuchJob {...}" is an error reply. NULL: none
    // at all.
    const char *replies;
    enum {
        FAKE_FINAL, // the last one ends the call
        FAKE_OPEN,  // the call stays open
        FAKE_DIE,   // the agent goes away after it, and is back half a second later
    } then;
} FakeAnswer;

typedef struct FakeAgent {
    char directory[32];
    char socket[64];
    int pid;
} FakeAgent;

// Begins to answer: for each call the first answer to its method that was not given yet.
void fake_agent_start(FakeAgent *agent, const FakeAnswer *answers, size_t n_answers);
#define FAKE_AGENT_START(agent, ...)                                                                                   \
    fake_agent_start((agent), (const FakeAnswer[]){ __VA_ARGS__ },                                                     \
                     sizeof((const FakeAnswer[]){ __VA_ARGS__ }) / sizeof(FakeAnswer))

// Ends it and removes all that was made.
void fake_agent_stop(FakeAgent *agent);

// The calls so far as lines "Method {parameters}", with sorted members. A new string.
char *fake_agent_calls(const FakeAgent *agent);

typedef struct CommandResult {
    int status; // exit status
    char *output, *errors;
} CommandResult;

// Runs "corral" with these arguments (without the name; ended by NULL), input on standard input.
CommandResult command_run(const FakeAgent *agent, const char *input, const char *const *arguments);
#define COMMAND_RUN(agent, ...) command_run((agent), "", (const char *const[]){ __VA_ARGS__, NULL })
void command_result_deinit(CommandResult *result);

// The same in the background: returns the pid. command_finish() waits for it.
int command_start(const FakeAgent *agent, const char *input, const char *const *arguments);
CommandResult command_finish(const FakeAgent *agent, int pid);
#define COMMAND_START(agent, ...) command_start((agent), "", (const char *const[]){ __VA_ARGS__, NULL })

// The same with nobody to read standard output.
int command_start_unread(const FakeAgent *agent, const char *const *arguments);
#define COMMAND_START_UNREAD(agent, ...) command_start_unread((agent), (const char *const[]){ __VA_ARGS__, NULL })

// Waits until the calls contain text; fails the test when that does not happen.
void fake_agent_expect_call(const FakeAgent *agent, const char *text);

// Fails the test unless the command exited with this status, printed this output (NULL: any), and wrote errors to
// standard error that contain this text ("": none). Deinitialises the result.
void command_expect(CommandResult result, int status, const char *output, const char *errors);

// Fails the test unless these are all calls so far.
void fake_agent_expect_calls(const FakeAgent *agent, const char *expected);

// What an agent says, for scripts. more begins with a comma or is empty.
#define JOB(id, status, more)                                                                                          \
    "{\"job\": {\"id\": " #id ", \"status\": \"" status                                                                \
    "\", \"owner\": \"ann\", \"ownerUid\": 1000, \"createTime\": 1700000000000000" more "}}"
#define TASK_VALUE(job, id, status, more)                                                                              \
    "{\"job\": " #job ", \"id\": " #id ", \"status\": \"" status                                                       \
    "\", \"command\": [\"sleep\", \"5\"], \"createTime\": 1700000000000000, \"rerunnable\": true" more "}"
#define TASK(job, id, status, more) "{\"task\": " TASK_VALUE(job, id, status, more) "}"
#define ENTRY(seq, job, more, from, to)                                                                                \
    "{\"entry\": {\"seq\": " #seq ", \"time\": 1700000000000000, \"job\": " #job more ", \"from\": \"" from            \
    "\", \"to\": \"" to "\", \"cause\": \"exited\", \"actor\": \"corral\"}}"
#define COUNTS(total, finished, failed, canceled)                                                                      \
    ", \"tasks\": {\"total\": " #total ", \"notSubmitted\": 0, \"queued\": 0, \"running\": 0, \"canceling\": 0,"       \
    " \"finished\": " #finished ", \"failed\": " #failed ", \"canceled\": " #canceled "}"
