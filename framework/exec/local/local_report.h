// SPDX-License-Identifier: BSD-3-Clause
// What the executor reports, and in which order: one round looks at descriptors, each ring,
// sockets, the nursery, dead workers, and then at limits and deadlines.
#ifndef BR_EXEC_LOCAL_LOCAL_REPORT_H
#define BR_EXEC_LOCAL_LOCAL_REPORT_H

#include "exec/local/local_state.h"

// What a descriptor of the epoll set is; a slot's control socket has TAG_SLOT + its number.
enum {
    TAG_DOORBELL = 1,
    TAG_NURSERY,
    TAG_SYMBOLS,
    TAG_SLOT
};

// executor_ops.next_report
int local_next_report(struct executor *ex, struct exec_report *out, br_error *err);

// Takes the events that the nursery has sent. Returns 0, or -1 and *err when the nursery has ended.
int local_read_nursery(struct local *l, br_error *err);

// Returns when to look at the rings even if nobody rings, given when a round has last brought
// something: a lost wake-up delays, but does not hang. A worker rings the doorbell by itself,
// except for what it did shortly after its last ring, so the longer nothing was heard, the rarer
// are the looks. `hung_up`: some worker has closed its socket.
int64_t local_next_rescan(int64_t now, int64_t heard_ns, bool hung_up);

#endif
