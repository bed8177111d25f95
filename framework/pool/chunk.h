// SPDX-License-Identifier: BSD-3-Clause
// How many tasks a worker is handed at a time: as many as take a few milliseconds, by what the
// tasks so far have taken; or as many as asked for, and several times as many where they are over
// in no time: those would lie in the worker's queue one behind another, and are handed over as one.
// Tasks are claimed, and taken back, one by one in any case.
#ifndef BR_POOL_CHUNK_H
#define BR_POOL_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "exec/executor.h"

// A worker is given more until what it holds is likely to take so long.
#define CHUNK_AHEAD_NS NS_PER_MS

struct chunk_size {
    uint32_t fixed; // 0 = auto
    double mean_ns; // of recent tasks; 0 = not known yet
};

void chunk_init(struct chunk_size *c, uint32_t fixed);

// Learns from an OK or END report.
void chunk_learn(struct chunk_size *c, const struct exec_report *r);

// The size of the next grant, 1 .. EXECUTOR_GRANT_MAX, when `left` tasks are left for `workers`.
uint32_t chunk_next(const struct chunk_size *c, uint64_t left, unsigned workers);

// Whether `tasks` of them are likely to take at least `ns`.
bool chunk_is_worth(const struct chunk_size *c, uint64_t tasks, int64_t ns);

#endif
