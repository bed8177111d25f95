// SPDX-License-Identifier: BSD-3-Clause
// How many tasks to grant at a time: as many as take a few milliseconds, by the run time of recent
// tasks; or the number that the job asks for, and a multiple of it if such grants are over in no
// time, because they would pile up in the worker's queue. Tasks are claimed and taken back one by
// one in any case. Pure.
#ifndef BR_POOL_CHUNK_H
#define BR_POOL_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "exec/executor.h"

// A worker is granted more tasks until those that it holds are likely to take so long.
#define CHUNK_AHEAD_NS NS_PER_MS

struct chunk_size {
    uint32_t fixed; // what the job asks for; 0 = automatic
    double mean_ns; // run time of recent tasks; 0 = not known yet
};

void chunk_init(struct chunk_size *c, uint32_t fixed);

// Learns the run time of tasks from an OK or END report.
void chunk_learn(struct chunk_size *c, const struct exec_report *r);

// Returns the size of the next grant, 1 .. EXECUTOR_GRANT_MAX, if `left` tasks are left for
// `workers` workers.
uint32_t chunk_next(const struct chunk_size *c, uint64_t left, unsigned workers);

// Returns whether `tasks` tasks are likely to take at least `ns`. True if their run time is not
// known.
bool chunk_is_worth(const struct chunk_size *c, uint64_t tasks, int64_t ns);

#endif
