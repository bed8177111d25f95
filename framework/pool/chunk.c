// SPDX-License-Identifier: BSD-3-Clause
#include "pool/chunk.h"

#include "base/clock.h"

// Long enough that granting costs little beside it, short enough that workers finish together.
#define TARGET_NS (8 * NS_PER_MS)

// Size of a grant while the run time is not known: tasks may take hours, and later ones wait for
// them.
enum {
    FIRST = 1
};

void chunk_init(struct chunk_size *c, uint32_t fixed)
{
    *c = (struct chunk_size){.fixed = fixed};
}

static double total_ns(const struct exec_report *r)
{
    if (r->type == REPORT_END)
        return (double)r->end.duration_ns;
    if (r->ok.duration_ns >= 0)
        return (double)r->ok.duration_ns;
    uint64_t total = 0;
    for (uint32_t i = 0; i < r->tasks.count; i++)
        total += r->ok.durations[i];
    return (double)total;
}

void chunk_learn(struct chunk_size *c, const struct exec_report *r)
{
    uint32_t count = r->tasks.count;
    double mean = total_ns(r) / count;
    // A batch of n tasks has the weight n / 100 against all before it.
    double weight = count < 100 ? (double)count / 100 : 1;
    c->mean_ns = c->mean_ns > 0 ? c->mean_ns + weight * (mean - c->mean_ns) : mean;
    if (c->mean_ns < 1)
        c->mean_ns = 1;
}

uint32_t chunk_next(const struct chunk_size *c, uint64_t left, unsigned workers)
{
    double ns = c->fixed > 0 ? (double)CHUNK_AHEAD_NS / 2 : (double)TARGET_NS;
    double wanted = c->mean_ns > 0 ? ns / c->mean_ns : (double)FIRST;
    // Near the end chunks shrink, so that the workers finish together.
    double share = (double)left / (2.0 * workers);
    if (wanted > share)
        wanted = share;
    if (wanted > (double)EXECUTOR_GRANT_MAX)
        wanted = EXECUTOR_GRANT_MAX;
    uint32_t count = wanted < 1 ? 1 : (uint32_t)wanted;
    if (c->fixed == 0)
        return count;
    if (count >= c->fixed)
        return count - count % c->fixed;
    return c->fixed < EXECUTOR_GRANT_MAX ? c->fixed : EXECUTOR_GRANT_MAX;
}

bool chunk_is_worth(const struct chunk_size *c, uint64_t tasks, int64_t ns)
{
    return tasks > 0 && (c->mean_ns <= 0 || (double)tasks * c->mean_ns >= (double)ns);
}
