// SPDX-License-Identifier: BSD-3-Clause
#include "run/phase.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "inputs/inputs.h"
#include "journal/journal.h"
#include "results/output.h"

// ---- Tasks of a phase

static int take_rows(struct phase *p, const struct exec_report *r, br_error *err)
{
    if (p->reduce && reduce_rows(p->reduce, r->tasks.first, r->tasks.count, r->ok.results,
                                 r->ok.results_size, err) != 0)
        return -1;
    return p->results ? results_put(p->results, r->tasks.first, r->tasks.count, r->ok.results,
                                    r->ok.results_size, err)
                      : 0;
}

static bool has_had_enough(const struct phase *p)
{
    const struct job_on_failure *f = &p->spec->on_failure;
    switch (f->kind) {
    case FAIL_STOP:
        return p->failed > 0;
    case FAIL_MAX:
        return p->failed > f->max_failed;
    case FAIL_PERCENT:
        return (double)p->failed * 100 > f->percent * (double)p->tasks;
    default:
        return false;
    }
}

static void count_failures(struct phase *p, uint64_t count)
{
    p->failed += count;
    if (count > 0)
        p->owner->all_ok = false;
    if (has_had_enough(p))
        p->owner->stopping = true;
}

static int take_failure(struct phase *p, uint64_t task, br_error *err)
{
    count_failures(p, 1);
    return p->reduce ? reduce_skip(p->reduce, task, 1, err) : 0;
}

static int on_task(void *user, const struct exec_report *report, bool final, br_error *err)
{
    struct phase *p = user;
    struct phase_reporter r = {.ph = p->owner,
                               .number = (uint32_t)p->place,
                               .table = &p->table,
                               .rows_per_task = p->spec->batch};
    // The journal comes first: what is lost after that is recovered by a resume.
    if (phase_report(&r, report, final, err) != 0)
        return -1;
    if (report->type == REPORT_OK)
        return take_rows(p, report, err);
    return report->type == REPORT_END && final ? take_failure(p, report->tasks.first, err) : 0;
}

// ---- Starting a phase

uint64_t phase_seed(const struct phases *ph, const char *phase)
{
    return prepared_seed(ph->options.prepared, phase);
}

struct pool_map_options phase_map_options(const struct phase *p)
{
    const struct job_phase *spec = p->spec;
    return (struct pool_map_options){
        .map = {.soft_ns = spec->timeout.soft_ns,
                .hard_ns = spec->timeout.hard_ns,
                .isolation = spec->isolation},
        .priority = spec->priority,
        .max_parallel = spec->max_parallel,
        .retries = {.limit = spec->retries.limit,
                    .on = spec->retries.on,
                    .delay_ns = spec->retries.delay_ns,
                    .max_ns = spec->retries.max_ns,
                    .factor = spec->retries.factor,
                    .jitter = spec->retries.jitter},
        .user = (void *)p,
    };
}

struct pool_map *phase_submit(struct phase *p, struct pool_map_options *o,
                              const struct ledger_past *past, int64_t now, br_error *err)
{
    struct pool *pool = p->owner->options.pool;
    o->past = past->known ? past : NULL;
    struct pool_map *map = pool_submit(pool, o, err);
    // An earlier process may have had the failure that stops the run.
    if (map && phase_stops(p, now) && pool_map_stop(pool, map, now, err) != 0)
        return NULL;
    return map;
}

static int submit(struct phase *p, const struct ledger_past *past, int64_t now, br_error *err)
{
    struct pool_map_options o = phase_map_options(p);
    o.map.plugin = p->prepared->plugin;
    o.map.task = p->prepared->entry->name;
    o.map.phase = p->spec->name;
    o.map.seed = phase_seed(p->owner, p->spec->name);
    o.map.table_fd = p->table.fd;
    o.map.table_size = p->table.size;
    o.map.rows = table_rows(&p->table.table);
    o.map.rows_per_task = p->spec->batch;
    o.map.results = &p->prepared->entry->signature.results;
    o.tasks = p->tasks;
    o.chunk = p->spec->chunk_size > EXECUTOR_GRANT_MAX ? EXECUTOR_GRANT_MAX
                                                       : (uint32_t)p->spec->chunk_size;
    o.observer = on_task;
    p->map = phase_submit(p, &o, past, now, err);
    return p->map ? 0 : -1;
}

// The results that a phase reads `from` another, as its inputs. Whatever could be wrong with them
// was found before the run began.
static int load_from(struct phase *p, struct buffer *image, br_error *err)
{
    const struct phase *from = &p->owner->phases[p->spec->inputs.from];
    const struct results *results = from->reduced ? from->reduced : from->results;
    struct buffer given = BUFFER_EMPTY;
    struct diagnostics d;
    struct table table;
    uint64_t rows;
    const struct job *job = p->owner->options.prepared->job;
    diagnostics_init(&d, job->file, job->text, job->text_length);
    int result = results_table(results, from->reduced ? NULL : phase_inputs(from), &given, err);
    if (result == 0)
        result = table_open(&table, given.data, given.length, err);
    if (result == 0)
        result = inputs_load(job, p->place, &p->prepared->entry->signature, &table, &d, image,
                             &rows, err);
    if (result != 0 && d.count > 0)
        br_error_set(err, d.kind, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
    buffer_finish(&given);
    return result;
}

static int make_table(struct phase *p, br_error *err)
{
    struct buffer image = BUFFER_EMPTY;
    if (!p->prepared->loaded) {
        if (load_from(p, &image, err) != 0) {
            buffer_finish(&image);
            return -1;
        }
    } else {
        // Moved, not copied: nobody else needs the image any more.
        struct buffer *loaded = &((struct prepared_phase *)p->prepared)->image;
        image = *loaded;
        *loaded = BUFFER_EMPTY;
    }
    return phase_table_make(&p->table, &image, err);
}

const struct table *phase_inputs(const struct phase *p)
{
    return p->spec->batch > 1 ? &p->batches : &p->table.table;
}

static bool keeps_rows(const struct phase *p)
{
    return p->spec->reduce.kind == REDUCE_NONE || p->spec->reduce.kind == REDUCE_TASK ||
           p->spec->keep_results;
}

static int make_results(struct phase *p, br_error *err)
{
    const struct schema *results = &p->prepared->entry->signature.results;
    if (keeps_rows(p) && !p->results) {
        p->results = results_create(results, p->tasks, err);
        if (!p->results)
            return -1;
    }
    if (phase_has_builtin(p)) {
        p->reduce =
            reduce_create(p->spec->reduce.kind, p->spec->reduce.fan_in, p->tasks, results, err);
        if (!p->reduce)
            return -1;
    }
    return 0;
}

// Takes over what an earlier process did, and submits the rest.
static int go_on(struct phase *p, struct history *h, int64_t now, br_error *err)
{
    struct results *rows = h->results;
    if (keeps_rows(p)) {
        p->results = rows;
        h->results = NULL;
    }
    if (make_results(p, err) != 0 ||
        (p->reduce && phase_reduce_earlier(p->reduce, rows, h, err) != 0))
        return -1;
    p->known = h->known;
    h->known = NULL;
    count_failures(p, h->failed_count);
    if (phase_emit_begin(p->owner, (uint32_t)p->place, p->spec->name, p->spec->task, p->tasks, now,
                         err) != 0)
        return -1;
    p->state = RUNNING;
    return submit(p, &h->ledger, now, err);
}

static int start_phase(struct phase *p, int64_t now, br_error *err)
{
    struct earlier *earlier = p->owner->options.earlier;
    uint32_t number = (uint32_t)p->place;
    struct history h;
    if (make_table(p, err) != 0)
        return -1;
    p->tasks = prepared_tasks(p->owner->options.prepared, p->place, table_rows(&p->table.table));
    if (p->spec->batch > 1 && batch_table_make(p->tasks, &p->batch_image, &p->batches, err) != 0)
        return -1;
    if (earlier_begun(earlier, number) && earlier_tasks(earlier, number) != p->tasks)
        return br_error_set(err, BR_ERR_USAGE,
                            "phase %s has %" PRIu64 " tasks, and had %" PRIu64
                            " when the run began; --fresh sets the run aside and starts anew",
                            p->spec->name, p->tasks, earlier_tasks(earlier, number));
    if (earlier_history(earlier, number, 0, p->tasks, &h, err) != 0)
        return -1;
    int result = go_on(p, &h, now, err);
    history_finish(&h);
    return result;
}

// A phase of which an earlier process did everything and whose results nobody wants any more.
static void recall_phase(struct phase *p)
{
    const struct earlier *earlier = p->owner->options.earlier;
    p->tasks = earlier_tasks(earlier, (uint32_t)p->place);
    count_failures(p, earlier_failed(earlier, (uint32_t)p->place));
    if (earlier_failed(earlier, (uint32_t)(p->place + p->owner->count)) > 0)
        p->owner->all_ok = false;
    p->state = OVER;
}

static int skip_phase(struct phase *p, int64_t now, br_error *err)
{
    uint64_t tasks = prepared_tasks(p->owner->options.prepared, p->place, p->prepared->rows);
    p->owner->all_ok = false;
    p->state = OVER;
    if (phase_emit_begin(p->owner, (uint32_t)p->place, p->spec->name, p->spec->task, tasks, now,
                         err) != 0)
        return -1;
    return phase_emit_end(p->owner, (uint32_t)p->place, PHASE_SKIPPED, tasks, now, err);
}

// ---- Want of time

// Tasks of the phase are started no later than this.
static int64_t last_start(const struct phase *p)
{
    const struct phases_options *o = &p->owner->options;
    int64_t request = p->state == REDUCING ? 0 : p->spec->time_request_ns;
    return o->end_ns == INT64_MAX ? INT64_MAX : o->end_ns - (request > 0 ? request : o->grace_ns);
}

bool phase_is_late(const struct phase *p, int64_t now)
{
    return now >= last_start(p);
}

bool phase_stops(const struct phase *p, int64_t now)
{
    return (p->owner->stopping || phase_is_late(p, now)) && !phase_was_done(p);
}

// Tasks in hand that were started in time go on.
static int stop_late(struct phase *p, int64_t now, br_error *err)
{
    struct pool_map *m = p->map ? p->map : p->levels.map;
    if (!m || !phase_is_late(p, now))
        return 0;
    if (pool_map_stop(p->owner->options.pool, m, now, err) != 0)
        return -1;
    const struct ledger *l = pool_map_ledger(m);
    if (l->ended[OUTCOME_SKIPPED] + l->ended[OUTCOME_CANCELLED] > 0)
        p->owner->late = true;
    return 0;
}

int64_t phases_deadline(const struct phases *ph, int64_t now)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < ph->count; i++) {
        int64_t at = last_start(&ph->phases[i]);
        if (ph->phases[i].state != OVER && at > now && at < first)
            first = at;
    }
    return first;
}

bool phases_late(const struct phases *ph)
{
    return ph->late;
}

bool phases_in_hand(const struct phases *ph, unsigned worker, struct task_in_hand *out)
{
    struct exec_in_hand h;
    void *user;
    const struct pool_map *map = pool_in_hand(ph->options.pool, worker, &h, &user);
    if (!map)
        return false;
    const struct phase *p = user;
    bool reduces = map == p->levels.map;
    *out = (struct task_in_hand){.phase = (uint32_t)(p->place + (reduces ? ph->count : 0)),
                                 .attempt = h.task.attempt,
                                 .index = h.task.first + (reduces ? p->levels.before : 0),
                                 .worker = worker,
                                 .since_ns = h.since_ns - ph->options.begin_ns,
                                 .fraction = h.progress};
    return true;
}

// ---- Ending a phase

void phase_cut(struct phase *p, int64_t now)
{
    p->cut = true;
    p->owner->cut = true;
    p->owner->all_ok = false;
    if (!p->owner->stopping && phase_is_late(p, now))
        p->owner->late = true;
}

static int end_phase(struct phase *p, int64_t now, br_error *err)
{
    const struct ledger *l = pool_map_ledger(p->map);
    uint64_t skipped = l->ended[OUTCOME_SKIPPED];
    bool whole = skipped == 0 && l->ended[OUTCOME_CANCELLED] == 0;
    if (!whole)
        phase_cut(p, now);
    return phase_emit_end(p->owner, (uint32_t)p->place, whole ? PHASE_ENDED : PHASE_STOPPED,
                          skipped, now, err);
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

// ---- Steps

// Every task of the phase has its outcome. Result files are written before the event that says the
// phase has ended: who finds that event need not write them again.
static int finish_rows(struct phase *p, int64_t now, br_error *err)
{
    struct phases *ph = p->owner;
    const struct ledger *l = pool_map_ledger(p->map);
    bool whole = l->ended[OUTCOME_SKIPPED] == 0 && l->ended[OUTCOME_CANCELLED] == 0;
    bool reduces = p->prepared->reduce_entry != NULL;
    int result = 0;
    // A phase that was stopped gives no result file: it would look like a whole one.
    if (whole && p->reduce)
        result = phase_finish_builtin(p, now, err);
    if (result == 0 && whole && !reduces)
        result = phase_write_results(p, err);
    if (result != 0 || end_phase(p, now, err) != 0)
        return -1;
    pool_map_release(ph->options.pool, p->map);
    p->map = NULL;
    if (whole && reduces && (!ph->stopping || phase_was_done(p)))
        return phase_start_reduction(p, now, err);
    if (reduces)
        phase_cut(p, now);
    phase_close(p);
    return 0;
}

static bool is_free_to_start(const struct phase *p)
{
    for (size_t i = 0; i < p->place; i++)
        if (p->before[i] && p->owner->phases[i].state != OVER)
            return false;
    return true;
}

// Whether the phase that it reads from has given something.
static bool has_source(const struct phase *p)
{
    if (p->spec->inputs.kind != INPUT_FROM)
        return true;
    const struct phase *from = &p->owner->phases[p->spec->inputs.from];
    return from->spec->reduce.kind == REDUCE_NONE ? from->results != NULL : from->reduced != NULL;
}

// Whether it is not to start any more: the run stops, there is no time for it, or a phase that must
// end first was not finished.
// An earlier process has begun the phase: it is stopped, where it must be, not skipped.
static bool is_cut_off(const struct phase *p, int64_t now)
{
    if (earlier_begun(p->owner->options.earlier, (uint32_t)p->place))
        return false;
    for (size_t i = 0; i < p->place; i++)
        if (p->before[i] && p->owner->phases[i].cut)
            return true;
    return p->owner->stopping || phase_is_late(p, now);
}

// Takes the phase one step on; *moved says whether there was one.
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
        return start_phase(p, now, err);
    if (p->state == RUNNING && pool_map_done(p->map))
        return finish_rows(p, now, err);
    if (p->state == REDUCING && pool_map_done(p->levels.map))
        return phase_next_level(p, now, err);
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
            // It may have written a file: what comes now begins after that.
            if (moved)
                now = clock_now();
        }
    }
    return 0;
}

bool phases_done(const struct phases *ph)
{
    for (size_t i = 0; i < ph->count; i++)
        if (ph->phases[i].state != OVER)
            return false;
    return true;
}

bool phases_need_workers(const struct phases *ph)
{
    for (size_t i = 0; i < ph->count; i++) {
        const struct phase *p = &ph->phases[i];
        bool last_map_done =
            p->state == RUNNING && !p->prepared->reduce_entry && pool_map_done(p->map);
        if (p->state != OVER && !last_map_done)
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
                        .place = i,
                        .spec = &job->phases[i],
                        .prepared = &ph->options.prepared->phases[i],
                        .table = PHASE_TABLE_NONE,
                        .levels.table = PHASE_TABLE_NONE};
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
    if (ph)
        ph->phases = calloc(count, sizeof *ph->phases);
    if (!ph || !ph->phases) {
        free(ph);
        br_error_nomem(err);
        return NULL;
    }
    ph->options = *options;
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
        // Maps belong to the pool, which may be gone already.
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
    free(ph);
}
