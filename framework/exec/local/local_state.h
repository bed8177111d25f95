// SPDX-License-Identifier: BSD-3-Clause
// The local executor: its slots, its maps, and what all slots share.
#ifndef BR_EXEC_LOCAL_LOCAL_STATE_H
#define BR_EXEC_LOCAL_LOCAL_STATE_H

#include "base/buffer.h"
#include "exec/crash/symbols.h"
#include "exec/local/local_options.h"
#include "exec/local/local_slot.h"
#include "exec/process/cgroup.h"
#include "exec/worker/worker_setup.h"

struct map_entry {
    struct map_entry *next; // in its bucket
    struct exec_map map;
    uint32_t known_by[]; // by slot: the worker (the nursery's name) that knows the map
};

struct local {
    struct executor base; // first
    struct local_options options;
    int epoll;
    int doorbell;
    int null;
    struct slot *slots;
    struct map_entry **maps; // buckets by id: a program may have any number of calls at once
    size_t map_buckets, map_count;
    // One round of next_report: descriptors, then each ring, then the rest.
    bool polled;
    bool nursery_ready;
    unsigned cursor;  // the slot whose ring is read
    unsigned batches; // that were read from this ring in this round
    bool unread;      // some slot is `unread`: its worker will not ring the doorbell for that
    bool heard;       // this round has brought something
    int64_t heard_ns; // when a round last did
    struct cgroups groups;
    uint64_t oom_kills; // out-of-memory kills in this process's own group that were reported
    unsigned stillborn; // workers that ended before they were ready, since one was ready
    struct buffer text; // of the last report
    struct symbols *symbols;
    char control[CONTROL_MAX];
};

static inline struct local *local_of(struct executor *ex)
{
    return (struct local *)ex;
}

static inline const struct local *local_of_const(const struct executor *ex)
{
    return (const struct local *)ex;
}

// Returns the descriptor of the slot's log of standard output (stream 1) or error (2), or -1.
int local_log_fd(const struct local *l, unsigned slot, int stream);

// Returns the length of a log; 0 if `fd` is -1 or not a regular file.
off_t local_stream_end(int fd);

bool local_same_task(const struct exec_grant *a, const struct exec_grant *b);

// executor_ops.in_hand
bool local_in_hand(struct executor *ex, unsigned slot, struct exec_in_hand *out);

// Frees what the slot holds of its worker. The state is the caller's to change.
void local_clear_slot(struct local *l, struct slot *s);

#endif
