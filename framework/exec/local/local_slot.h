// SPDX-License-Identifier: BSD-3-Clause
// What the two halves of the local executor share: local.c acts on slots, local_report.c tells what
// has become of them.
#ifndef BR_EXEC_LOCAL_LOCAL_SLOT_H
#define BR_EXEC_LOCAL_LOCAL_SLOT_H

#include "base/buffer.h"
#include "base/clock.h"
#include "exec/channel/channel_coordinator.h"
#include "exec/crash/symbols.h"
#include "exec/local/local.h"
#include "exec/local/watch.h"

#define LOCAL_RESCAN_NS (100 * NS_PER_MS)
#define RESCAN_MAX_NS   (2 * NS_PER_S) // when nothing has been heard for as long
#define RETIRE_GRACE_NS (5 * NS_PER_S)
#define START_NS        (60 * NS_PER_S)  // a worker that is not ready by then is not going to be
#define KILLED_STUCK_NS (10 * NS_PER_S)  // after SIGKILL: freeing large memory takes seconds
#define WATCH_IDLE_NS   (20 * NS_PER_MS) // between looks whether a task has begun

enum {
    CHILD_NOTES = 64 // as many may crash before the first is reported; then its signal is
};

enum slot_state {
    EMPTY,
    STARTING,
    READY,
    LEAVING,
    DYING
};

struct slot {
    enum slot_state state;
    uint32_t id; // the nursery's name for the worker
    int pid;
    int control;
    bool control_ready;
    bool hung_up; // its end of the socket is closed: the nursery is to tell of its end
    bool was_ready;
    bool unfit_told;
    bool gave_up; // was at work, and said that it cannot go on: `message`
    bool told_to_end;
    bool left_over; // the last round did not read all of its ring
    struct channel channel;
    struct cpuset cpus; // as the worker read them back
    off_t printed[2];   // how far its output is accounted for
    struct watch watch; // over what its task uses
    uint64_t oom_told;  // out-of-memory kills in its group that are accounted for

    // Why it is LEAVING.
    int64_t kill_at;         // when SIGKILL follows, or INT64_MAX
    struct exec_grant blame; // the task it is killed for; count 0: none
    enum outcome_status status;
    char message[256];
    struct channel_batch batch; // the last that was read from its ring
    bool held;                  // its report waits for words
    const char *violation;      // what it did to its channel: nothing more is read
    bool late;                  // was not ready in time
    bool killed; // SIGKILL is on its way; `kill_at` is when it must have had its effect
    bool stuck;  // and it had none

    // How it ended, and how far that was reported.
    int wait_status;
    int64_t peak_memory;
    int64_t ended_ns;
    struct crash_note *note; // what it said of its end, not looked up yet
    // The same of its children, the latest, each until the end that it is of is reported.
    struct crash_note *child_notes[CHILD_NOTES];
    unsigned next_child_note;
    char *why; // the same in words, or NULL
    bool blame_found;
    bool blame_told;
    struct exec_in_hand in_hand;
    struct exec_grant printers; // which tasks' last words may be
};

struct map_entry {
    struct map_entry *next; // in its bucket
    struct exec_map map;
    uint32_t told[]; // by slot: the worker (by the nursery's name) that knows it
};

struct local {
    struct executor base; // first
    struct local_options options;
    int epoll;
    int doorbell;
    int null;
    struct slot *slots;
    struct map_entry **maps; // buckets by id: a program may have any number of calls under way
    size_t map_buckets, map_count;
    // One round of next_report: descriptors, then each ring, then the rest.
    bool polled;
    bool nursery_ready;
    unsigned cursor;  // the slot whose ring is read
    unsigned batches; // read from it in this round
    bool left_over;   // a ring had more than this round's share: nobody rings for that
    bool heard;       // this round has brought something
    int64_t heard_ns; // when one last did
    struct cgroups groups;
    uint64_t oom_told;  // the same for this process's own group
    unsigned stillborn; // workers that ended before they were ready, since one was
    struct buffer text; // of the report last given
    struct symbols *symbols;
    char control[CONTROL_MAX];
};

static inline struct local *local_of(const struct executor *ex)
{
    return (struct local *)ex;
}

// What a descriptor of the epoll set is; a slot's control socket has TAG_SLOT + its number.
enum {
    TAG_DOORBELL = 1,
    TAG_NURSERY,
    TAG_SYMBOLS,
    TAG_SLOT
};

// Where the slot's worker writes standard output (stream 1) or error (2); -1 = nowhere.
int local_log_fd(const struct local *l, unsigned slot, int stream);

// Where a log ends; by fstat: the descriptor's offset is shared with the worker.
off_t local_stream_end(int fd);

bool local_same_task(const struct exec_grant *a, const struct exec_grant *b);

// Frees what the slot had for its worker: EMPTY again.
void local_forget_worker(struct local *l, struct slot *s);

void local_signal(struct local *l, struct slot *s, int signal);
void local_kill_overdue(struct local *l);

// Looks at what tasks in hand use, and ends those that are over a limit; when the slot's is to be
// looked at next.
void local_watch(struct local *l);
int64_t local_watch_deadline(const struct local *l, const struct slot *s);

// Makes the workers' control groups; whether the kernel has killed the slot's worker for want of
// memory, given that it was ended by SIGKILL.
int local_open_groups(struct local *l, br_error *err);
bool local_oom_killed(struct local *l, unsigned slot);

// How much is kept of what a task printed; the rest is taken out of the log.
uint64_t local_cut_output(const struct local *l, unsigned slot, int stream, uint64_t from,
                          uint64_t length);

// What the worker's handler sent before it died.
void local_take_note(struct slot *s, struct wire *w);
// Makes the words for a dead worker's end; false while they are looked up.
bool local_explain(struct local *l, struct slot *s);
// The same for a task whose own child has died: completes the END that the worker gave it.
bool local_explain_child(struct local *l, struct slot *s, struct exec_report *end);
// Appends how it ended: all of it, or the first line.
void local_describe_end(struct buffer *out, const struct slot *s, bool whole);

// The worker has damaged its channel: nothing more is read from it, and it is killed.
void local_accuse(struct local *l, struct slot *s, const char *violation);

// Takes what the nursery has told. -1 and *err when it is gone.
int local_read_nursery(struct local *l, br_error *err);

// executor_ops.next_report
int local_next_report(struct executor *ex, struct exec_report *out, br_error *err);

#endif
