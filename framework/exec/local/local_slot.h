// SPDX-License-Identifier: BSD-3-Clause
// A slot of the local executor: the state of its worker, and what is known about it. Only
// local_life.h changes the state; the other files of this folder read it.
#ifndef BR_EXEC_LOCAL_LOCAL_SLOT_H
#define BR_EXEC_LOCAL_LOCAL_SLOT_H

#include "exec/channel/channel_coordinator.h"
#include "exec/crash/crash.h"
#include "exec/local/limit_watch.h"

enum {
    CHILD_NOTES = 64 // crashed children whose notes are kept; of others only the signal is reported
};

enum slot_state {
    SLOT_EMPTY,    // has no worker
    SLOT_STARTING, // was asked for; has not said that it is ready
    SLOT_READY,    // takes grants
    SLOT_LEAVING,  // is about to end: it was asked to, or said so itself
    SLOT_KILLED,   // was sent SIGKILL
    SLOT_DYING,    // its process has ended, or never will; not everything is reported yet
    SLOT_STATES
};

// Why a worker ends. A later reason replaces an earlier one as the actions of local_life.c say.
enum leave_reason {
    LEAVE_NONE,       // nobody asked it to
    LEAVE_RETIRED,    // executor_ops.retire, or it is used up
    LEAVE_FOR_TASK,   // executor_ops.kill, or a task is over a limit
    LEAVE_UNFIT,      // no worker could start: it was reported as UNFIT
    LEAVE_EXHAUSTED,  // it was ready, and has no memory or descriptors left
    LEAVE_LATE,       // it was not ready in time
    LEAVE_VIOLATION,  // it has damaged its channel
    LEAVE_NOT_FORKED, // there never was a process
    LEAVE_STILLBORN   // it ended before it was ready; the next worker may do better
};

struct leaving {
    enum leave_reason reason;
    struct exec_grant task;     // FOR_TASK: the task
    enum outcome_status status; // FOR_TASK: of the task's END
    const char *violation;      // VIOLATION: what it did, a static string
    bool overdue;               // it did not end in time, and was killed
    char message[800];          // of the other reasons; empty if there is none
};

// How far a dead worker's end was reported; the steps follow each other in this order.
enum death_step {
    DEATH_EXPLAIN, // waits until symbol names are known
    DEATH_READ,    // reports what is left in its ring
    DEATH_OUTPUT,  // reports what the blamed task has printed
    DEATH_BLAME,   // reports the blamed task
    DEATH_RETURN   // reports the tasks without an outcome, then DEAD
};

struct death {
    enum death_step step;
    bool stuck;      // the process does not end although it was killed
    int wait_status; // as from waitpid
    int64_t peak_memory, cpu_ns, ended_ns;
    struct crash_note *note;     // sent by the worker's crash handler; NULL if it was described
    char *description;           // of the note; NULL if there was none
    struct exec_in_hand running; // from DEATH_OUTPUT on: the task that is blamed
};

struct output_mark {
    off_t end[2];             // of the output that was reported, for each stream
    struct exec_grant suffix; // in a death: the tasks that may have printed what follows `end`
};

struct control {
    int fd; // socket to the worker, -1 if there is none
    bool readable;
    bool hung_up; // the worker has closed its end; the nursery will report its death
};

struct slot {
    enum slot_state state;
    uint32_t id; // the nursery's name of the worker
    int pid;     // 0 until the nursery has reported it
    bool was_ready;
    int64_t deadline_ns; // when EVENT_OVERDUE happens, by clock_now; INT64_MAX: never
    struct control control;
    struct channel channel;
    struct channel_batch batch; // the last that was read from the channel
    bool held;                  // the batch is not reported yet: symbol names are looked up for it
    bool unread;                // the last round did not read all of its ring
    struct cpuset cpus;         // as the worker has read them back
    struct output_mark output;
    struct limit_watch watch; // of its running task
    uint64_t oom_kills;       // out-of-memory kills in its group that were reported
    struct leaving leaving;
    struct death death;
    // Notes of the worker's crashed children, each until the END that it belongs to is reported.
    struct crash_note *child_notes[CHILD_NOTES];
    unsigned next_child_note;
};

#endif
