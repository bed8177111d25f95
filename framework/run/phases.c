// SPDX-License-Identifier: BSD-3-Clause
#include "run/phases.h"

#include <stdlib.h>

#include "base/clock.h"
#include "run/phase_events.h"
#include "run/phase_files.h"
#include "run/phase_reduction.h"
#include "run/phase_rows.h"

// ---- Phases of which no task runs

// Ends a phase that an earlier process did, and whose results no other phase reads.
static void recall_phase(struct phase *p)
{
    const struct resume_state *state = p->owner->options.resume_state;
    p->tasks = resume_state_tasks(state, p->number);
    phase_count_failures(p, resume_state_failed(state, p->number));
    if (resume_state_failed(state, p->reduction) > 0)
        p->owner->all_ok = false;
    p->state = OVER;
}

static int skip_phase(struct phase *p, int64_t now, br_error *err)
{
    uint64_t tasks = prepared_tasks(p->owner->options.prepared, p->place, p->prepared->rows);
    p->owner->all_ok = false;
    p->state = OVER;
    if (phase_emit_begin(p, tasks, now, err) != 0)
        return -1;
    return phase_emit_end(p->owner, p->number, PHASE_SKIPPED, tasks, now, err);
}

// ---- Time

// Stops a phase whose tasks no longer fit into the time that is left. Running tasks continue.
static int stop_late(struct phase *p, int64_t now, br_error *err)
{
    struct pool_map *m = p->map ? p->map : p->levels.map;
    if (!m || !phase_is_late(p, now))
        return 0;
    if (pool_map_stop(p->owner->options.pool, m, now, err) != 0)
        return -1;
    const struct ledger *l = pool_map_ledger(m);
    if (l->ended[OUTCOME_SKIPPED] + l->ended[OUTCOME_CANCELLED] > (p->map ? p->left_out : 0))
        p->owner->late = true;
    return 0;
}

int64_t phases_deadline(const struct phases *ph, int64_t now)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < ph->count; i++) {
        int64_t at = phase_last_start(&ph->phases[i]);
        if (ph->phases[i].state != OVER && at > now && at < first)
            first = at;
    }
    return first;
}

bool phases_late(const struct phases *ph)
{
    return ph->late;
}

bool phases_in_hand(const struct phases *ph, unsigned worker, struct running_task *out)
{
    struct exec_in_hand h;
    void *user;
    const struct pool_map *map = pool_in_hand(ph->options.pool, worker, &h, &user);
    if (!map)
        return false;
    const struct phase *p = user;
    bool reduces = map == p->levels.map;
    *out = (struct running_task){.phase = reduces ? p->reduction : p->number,
                                 .attempt = h.task.attempt,
                                 .index = h.task.first + (reduces ? p->levels.before : 0),
                                 .worker = worker,
                                 .since_ns = h.since_ns - ph->options.begin_ns,
                                 .fraction = h.progress};
    return true;
}

// ---- Steps

static bool is_free_to_start(const struct phase *p)
{
    for (uint32_t i = 0; i < p->place; i++)
        if (p->before[i] && !phase_lets_others_start(&p->owner->phases[i]))
            return false;
    return true;
}

// Returns whether the phase that this one reads from has results. In a try they come from an
// earlier run, and are loaded.
static bool has_source(const struct phase *p)
{
    if (p->spec->inputs.kind != INPUT_FROM || p->prepared->loaded)
        return true;
    const struct phase *from = &p->owner->phases[p->spec->inputs.from];
    return from->spec->reduce.kind == REDUCE_NONE ? from->results != NULL : from->reduced != NULL;
}

// Returns whether the phase is to be skipped: the run stops, the time is too short, or a phase that
// must end before was cut. A phase that an earlier process has started is not skipped, but stopped.
static bool is_cut_off(const struct phase *p, int64_t now)
{
    if (resume_state_begun(p->owner->options.resume_state, p->number))
        return false;
    for (uint32_t i = 0; i < p->place; i++)
        if (p->before[i] && p->owner->phases[i].cut)
            return true;
    return p->owner->stopping || phase_is_late(p, now);
}

// Ends a phase whose rows were written to standard output, or given up.
static int finish_written(struct phase *p, int64_t now, br_error *err)
{
    if (p->standard.error.kind != BR_ERR_NONE && !p->cut) {
        *err = p->standard.error;
        return -1;
    }
    return p->map ? phase_end_rows(p, now, err) : phase_end_reduction(p, now, err);
}

// Takes the phase to its next state if it can move, and sets *moved if it did.
static int step(struct phase *p, int64_t now, bool *moved, br_error *err)
{
    *moved = true;
    bool there = false;
    if (p->state == WAITING && !p->is_read && phase_was_done(p) &&
        phase_has_files(p, &there, err) != 0)
        return -1;
    if (there) {
        recall_phase(p);
        return 0;
    }
    if (p->state == WAITING && is_cut_off(p, now)) {
        phase_cut(p, now);
        return skip_phase(p, now, err);
    }
    if (p->state == WAITING && is_free_to_start(p) && !has_source(p))
        return skip_phase(p, now, err);
    if (p->state == WAITING && is_free_to_start(p))
        return phase_start_rows(p, now, err);
    if (p->state == RUNNING && pool_map_done(p->map))
        return phase_finish_rows(p, now, err);
    if (p->state == REDUCING && pool_map_done(p->levels.map))
        return phase_next_level(p, now, err);
    if (p->state == WRITING && atomic_load(&p->standard.written))
        return finish_written(p, now, err);
    *moved = false;
    return 0;
}

static int stop_maps(struct phases *ph, int64_t now,
                     int (*stop)(struct pool *, struct pool_map *, int64_t, br_error *),
                     br_error *err)
{
    ph->stopping = true;
    for (size_t i = 0; i < ph->count; i++) {
        struct phase *p = &ph->phases[i];
        if (p->map && stop(ph->options.pool, p->map, now, err) != 0)
            return -1;
        if (p->levels.map && stop(ph->options.pool, p->levels.map, now, err) != 0)
            return -1;
    }
    return 0;
}

int phases_stop(struct phases *ph, int64_t now, br_error *err)
{
    return stop_maps(ph, now, pool_map_stop, err);
}

int phases_cancel(struct phases *ph, int64_t now, br_error *err)
{
    return stop_maps(ph, now, pool_map_cancel, err);
}

int phases_advance(struct phases *ph, int64_t now, br_error *err)
{
    if (ph->stopping && stop_maps(ph, now, pool_map_stop, err) != 0)
        return -1;
    for (size_t i = 0; i < ph->count; i++)
        if (stop_late(&ph->phases[i], now, err) != 0)
            return -1;
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < ph->count; i++) {
            bool moved;
            if (step(&ph->phases[i], now, &moved, err) != 0)
                return -1;
            any |= moved;
            // Writing a result file may have taken time: the next phase begins after that.
            if (moved)
                now = clock_now();
        }
    }
    return 0;
}

int phases_remove_old_files(struct phases *ph, br_error *err)
{
    for (size_t i = 0; i < ph->count; i++)
        if (!phase_was_done(&ph->phases[i]) && phase_remove_files(&ph->phases[i], err) != 0)
            return -1;
    return 0;
}

void phases_describe_old_outputs(const struct phases *ph, struct buffer *out)
{
    for (size_t i = 0; i < ph->count; i++)
        phase_describe_old_output(&ph->phases[i], out);
}

bool phases_done(const struct phases *ph)
{
    for (size_t i = 0; i < ph->count; i++)
        if (ph->phases[i].state != OVER)
            return false;
    return true;
}

bool phases_only_write(const struct phases *ph)
{
    for (size_t i = 0; i < ph->count; i++)
        if (!phase_lets_others_start(&ph->phases[i]))
            return false;
    return !phases_done(ph);
}

int phases_give_up_writing(struct phases *ph, int64_t now, br_error *err)
{
    writer_give_up(ph->options.standard);
    for (size_t i = 0; i < ph->count; i++)
        if (ph->phases[i].state == WRITING && ph->phases[i].standard.error.kind != BR_ERR_NONE)
            phase_cut(&ph->phases[i], now);
    return phases_advance(ph, now, err);
}

bool phases_need_workers(const struct phases *ph)
{
    for (size_t i = 0; i < ph->count; i++) {
        const struct phase *p = &ph->phases[i];
        bool last_map_done =
            p->state == RUNNING && !p->prepared->reduce_entry && pool_map_done(p->map);
        if (!phase_lets_others_start(p) && !last_map_done)
            return true;
    }
    return false;
}

bool phases_cut(const struct phases *ph)
{
    return ph->cut;
}

bool phases_succeeded(const struct phases *ph)
{
    return ph->all_ok;
}

// ---- Making

static int init_phase(struct phases *ph, size_t i, br_error *err)
{
    const struct job *job = ph->options.prepared->job;
    struct phase *p = &ph->phases[i];
    *p = (struct phase){.owner = ph,
                        .place = (uint32_t)i,
                        .number = ph->numbers[i],
                        .reduction = ph->numbers[job->phase_count + i],
                        .spec = &job->phases[i],
                        .prepared = &ph->options.prepared->phases[i],
                        .table = PHASE_TABLE_NONE,
                        .levels.table = PHASE_TABLE_NONE};
    if (ph->options.part && !ph->options.part->phases[i].chosen)
        p->state = OVER;
    if (p->spec->inputs.kind == INPUT_FROM)
        ph->phases[p->spec->inputs.from].is_read = true;
    struct buffer name = BUFFER_EMPTY;
    buffer_format(&name, "%s (reduce)", p->spec->name);
    p->levels.name = buffer_take_string(&name, err);
    p->before = calloc(job->phase_count, sizeof *p->before);
    if (!p->levels.name || !p->before)
        return br_error_nomem(err);
    job_phases_before(job, i, p->before);
    return 0;
}

struct phases *phases_create(const struct phases_options *options, br_error *err)
{
    size_t count = options->prepared->job->phase_count;
    struct phases *ph = calloc(1, sizeof *ph);
    if (ph) {
        ph->phases = calloc(count, sizeof *ph->phases);
        ph->numbers = calloc(2 * count, sizeof *ph->numbers);
    }
    if (!ph || !ph->phases || !ph->numbers) {
        phases_destroy(ph);
        br_error_nomem(err);
        return NULL;
    }
    ph->options = *options;
    resume_state_numbers(options->resume_state, options->prepared->job, ph->numbers);
    ph->all_ok = true;
    for (; ph->count < count; ph->count++)
        if (init_phase(ph, ph->count, err) != 0) {
            ph->count++;
            phases_destroy(ph);
            return NULL;
        }
    return ph;
}

void phases_destroy(struct phases *ph)
{
    if (!ph)
        return;
    for (size_t i = 0; i < ph->count; i++) {
        struct phase *p = &ph->phases[i];
        // Maps belong to the pool, which may have been destroyed before.
        p->levels.map = NULL;
        phase_free_levels(p);
        phase_table_finish(&p->table);
        buffer_finish(&p->batch_image);
        results_destroy(p->results);
        results_destroy(p->reduced);
        reduce_destroy(p->reduce);
        free(p->levels.name);
        free(p->known);
        free(p->before);
    }
    buffer_finish(&ph->text);
    free(ph->phases);
    free(ph->numbers);
    free(ph);
}
