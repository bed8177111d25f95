// SPDX-License-Identifier: BSD-3-Clause
// The parts that the steps of a phase have in common: its maps, its time, its end.
#include "run/phase.h"

#include <stdlib.h>

bool phase_was_done(const struct phase *p)
{
    const struct resume_state *state = p->owner->options.resume_state;
    enum phase_end how = PHASE_SKIPPED;
    if (!resume_state_over(state, p->number, &how) || how != PHASE_ENDED)
        return false;
    return p->spec->reduce.kind != REDUCE_TASK || resume_state_over(state, p->reduction, NULL);
}

bool phase_has_builtin(const struct phase *p)
{
    return p->spec->reduce.kind != REDUCE_NONE && p->spec->reduce.kind != REDUCE_TASK;
}

// ---- Failures

static bool has_had_enough(const struct phase *p)
{
    const struct job_on_failure *f = &p->spec->on_failure;
    switch (f->kind) {
    case FAIL_STOP:
        return p->failed > 0;
    case FAIL_MAX:
        return p->failed > f->max_failed;
    case FAIL_PERCENT:
        return (double)p->failed * 100 > f->percent * (double)(p->tasks - p->left_out);
    default:
        return false;
    }
}

void phase_count_failures(struct phase *p, uint64_t count)
{
    p->failed += count;
    if (count > 0)
        p->owner->all_ok = false;
    if (has_had_enough(p))
        p->owner->stopping = true;
}

// ---- Maps

struct pool_map_options phase_map_options(struct phase *p)
{
    const struct job_phase *spec = p->spec;
    return (struct pool_map_options){
        .map = {.limits = spec->timeout, .isolation = spec->isolation},
        .priority = spec->priority,
        .max_parallel = spec->max_parallel,
        .retries = spec->retries,
        .user = p,
    };
}

struct pool_map *phase_submit(struct phase *p, struct pool_map_options *o,
                              const struct ledger_past *past, int64_t now, br_error *err)
{
    struct pool *pool = p->owner->options.pool;
    o->past = past->known ? past : NULL;
    struct pool_map *map = pool_submit(pool, o, err);
    // The failure that stops the run may have happened in an earlier process.
    if (map && phase_stops(p, now) && pool_map_stop(pool, map, now, err) != 0)
        return NULL;
    return map;
}

const struct table *phase_inputs(const struct phase *p)
{
    return p->spec->batch > 1 ? &p->batches : &p->table.table;
}

// ---- Time

int64_t phase_last_start(const struct phase *p)
{
    const struct phases_options *o = &p->owner->options;
    int64_t request = p->state == REDUCING ? 0 : p->spec->expected_time_ns;
    return o->end_ns == INT64_MAX ? INT64_MAX : o->end_ns - (request > 0 ? request : o->grace_ns);
}

bool phase_is_late(const struct phase *p, int64_t now)
{
    return now >= phase_last_start(p);
}

bool phase_stops(const struct phase *p, int64_t now)
{
    return (p->owner->stopping || phase_is_late(p, now)) && !phase_was_done(p);
}

// ---- The end

void phase_cut(struct phase *p, int64_t now)
{
    p->cut = true;
    p->owner->cut = true;
    p->owner->all_ok = false;
    if (!p->owner->stopping && phase_is_late(p, now))
        p->owner->late = true;
}

bool phase_lets_others_start(const struct phase *p)
{
    return p->state == WRITING || p->state == OVER;
}

void phase_close(struct phase *p)
{
    p->state = OVER;
    if (p->is_read)
        return;
    phase_table_finish(&p->table);
    buffer_finish(&p->batch_image);
    results_destroy(p->results);
    p->results = NULL;
}
