// SPDX-License-Identifier: BSD-3-Clause
// An executor under test, driven by hand: either real worker processes or the scripted executor.
// Its tasks are items that name an action. Whatever it reports is kept as a note. Every wait fails
// the test when patience() is over. All functions are called by one thread.
#ifndef BR_TESTS_SUPPORT_TRIAL_H
#define BR_TESTS_SUPPORT_TRIAL_H

#include <stdatomic.h>

#include "base/clock.h"
#include "exec/executor.h"
#include "support/suite.h"

enum {
    TRIAL_LOCAL,
    TRIAL_FAKE,
    TRIAL_EXECUTORS
};

enum {
    TRIAL_SLOTS = 2,
    TRIAL_NOTES = 4096,
    TRIAL_MAPS = 8,   // ids of maps are less than this
    TRIAL_PRINTED = 5 // bytes that ACT_PRINT prints
};

enum trial_act {
    ACT_OK, // the result, an int64_t, is the item's value
    ACT_FAIL,
    ACT_FAIL_FOR_GOOD,
    ACT_CRASH,
    ACT_WAIT,     // waits for ever
    ACT_STUBBORN, // waits for ever, and SIGTERM does not end it
    ACT_HEED,     // fails when it is asked to stop; succeeds when `go` is set
    ACT_PRINT
};

struct trial_item {
    enum trial_act act;
    int value;
};

#define TRIAL_ITEMS(...)                                                                           \
    (const struct trial_item[])                                                                    \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

struct trial_note {
    struct exec_report report; // its pointers are no longer valid
    int64_t first_result;      // of an OK report: the result of its first task
    char text[256];            // the message, or the reason
};

struct trial {
    struct executor *ex;
    bool is_fake;
    // These two are set before a worker is started.
    const char *unfit; // no worker can start; its UNFIT report has this text
    bool never_ready;  // workers never finish starting
    // Signals between tasks and the test, in memory that they share.
    struct {
        _Atomic int started; // value + 1 of the last item of ACT_WAIT or above that has started
        _Atomic int go;      // not 0: tasks of ACT_HEED succeed
    } * shared;
    struct trial_note notes[TRIAL_NOTES];
    size_t note_count, notes_seen;
    int64_t waiting_since;
};

extern struct trial trial;

void trial_open(int which);
void trial_close(void); // destroys the executor without any grace

// The operations of the executor. They fail the test if the operation fails.
void trial_start(unsigned slot);
void trial_start_ready(unsigned slot); // starts a worker, and waits for READY
void trial_define(uint64_t map, const struct trial_item *items);
void trial_grant(unsigned slot, uint64_t map, uint64_t first, uint32_t count);
void trial_kill(unsigned slot, uint64_t map, uint64_t task, int64_t grace_ns);
void trial_ask(unsigned slot, uint64_t map, uint64_t task);
// Returns how many tasks were taken back; the first one must be `first`.
uint32_t trial_take_back(unsigned slot, uint64_t map, uint64_t most, uint64_t first);
bool trial_is_running(unsigned slot, uint64_t task);

// Ends the slot's worker with SIGKILL, as another program could.
void trial_kill_worker(unsigned slot);

// Keeps the next report. Returns false if there is none.
bool trial_keep_report(void);

// Keeps reports until the condition holds, and waits for them as the pool does: for the descriptor
// and the deadline.
#define TRIAL_AWAIT(condition)                                                                     \
    do {                                                                                           \
        for (trial.waiting_since = 0; !(condition);)                                               \
            if (!trial_keep_report() && !(condition))                                              \
                trial_wait(#condition);                                                            \
    } while (0)
void trial_wait(const char *what);

// Lets time pass until the condition holds, without reading any report.
#define TRIAL_AWAIT_UNREAD(condition)                                                              \
    do {                                                                                           \
        for (trial.waiting_since = 0; !(condition);)                                               \
            trial_pass_time(#condition);                                                           \
    } while (0)
void trial_pass_time(const char *what);

// Wait for the next report that was not expected yet, and fail the test if it is not the given one.
// trial_expect and trial_expect_end return the report's note.
const struct trial_note *trial_expect(enum exec_report_type type);
const struct trial_note *trial_expect_end(uint64_t first, enum outcome_status status);
void trial_expect_dead(bool expected);
// Wait for the reports of consecutive tasks, which may be one report or several.
void trial_expect_ok(uint64_t map, uint64_t first, uint32_t count);
void trial_expect_returned(uint64_t first, uint32_t count);

#endif
