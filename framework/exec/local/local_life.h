// SPDX-License-Identifier: BSD-3-Clause
// The life of a slot's worker: one table, state x event -> {next state, action}, and the one
// function that applies it. framework/README.md shows the table.
#ifndef BR_EXEC_LOCAL_LOCAL_LIFE_H
#define BR_EXEC_LOCAL_LOCAL_LIFE_H

#include "exec/local/local_state.h"

enum slot_event {
    EVENT_START,      // executor_ops.start: the nursery was asked for a worker
    EVENT_READY,      // the worker says that it takes grants
    EVENT_UNFIT,      // the worker says that no worker can run these plugins
    EVENT_EXHAUSTED,  // a worker that was ready says that it has no memory or descriptors left
    EVENT_USED_UP,    // a worker that was ready says that another is to run its tasks
    EVENT_KILL,       // executor_ops.kill, or a task is over a limit
    EVENT_RETIRE,     // executor_ops.retire
    EVENT_VIOLATION,  // the worker has damaged its channel
    EVENT_OVERDUE,    // the slot's deadline has passed
    EVENT_KILL_SENT,  // the nursery was asked to send SIGKILL
    EVENT_NOT_FORKED, // the nursery could not fork the worker
    EVENT_ENDED,      // the nursery has reaped the worker
    EVENT_REPORTED,   // DEAD was reported
    SLOT_EVENTS
};

// What comes with an event; the events that need a field are named beside it.
struct slot_cause {
    const struct cpuset *cpus;        // READY
    const char *text;                 // EXHAUSTED, USED_UP, KILL; VIOLATION: a static string
    const struct exec_grant *task;    // KILL
    enum outcome_status status;       // KILL
    int64_t grace_ns;                 // KILL: between SIGTERM and SIGKILL
    const struct nursery_event *fact; // NOT_FORKED, ENDED
};

struct slot_move {
    enum slot_state to;
    // Runs after the state has changed. NULL: nothing happens in this state at this event.
    void (*act)(struct local *l, struct slot *s, const struct slot_cause *cause);
    const char *to_name, *act_name;
};

// Applies the table. Returns whether anything happened. `cause` may be NULL for events that need
// none.
bool local_happen(struct local *l, struct slot *s, enum slot_event event,
                  const struct slot_cause *cause);

// The table, for local_happen and for the test that compares it with framework/README.md.
const struct slot_move *local_move(enum slot_state state, enum slot_event event);
const char *local_event_name(enum slot_event event);
const char *local_state_name(enum slot_state state);

// Sends a signal to the worker's process group; SIGKILL to its control group, too. If the nursery
// cannot take the request, the slot is overdue 100 ms later, and a round then sends SIGKILL.
void local_signal(struct local *l, struct slot *s, int signal);

// Lets the sockets of all slots whose deadline is not after `now` be read, whatever epoll_wait has
// returned. Returns whether there is such a slot.
bool local_note_overdue(struct local *l, int64_t now);

// Applies EVENT_OVERDUE to each slot whose deadline is not after `now`. What was said until `now`
// must have been read: its sockets, and the nursery's events.
void local_end_overdue(struct local *l, int64_t now);

// Returns how long a worker that has nothing left to run may take to end, in nanoseconds.
int64_t local_end_limit(const struct local *l);

#endif
