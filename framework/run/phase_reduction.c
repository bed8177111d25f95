// SPDX-License-Identifier: BSD-3-Clause
#include "run/phase_reduction.h"

#include <stdlib.h>

#include "model/row.h"
#include "run/phase_events.h"
#include "run/phase_files.h"

void phase_free_levels(struct phase *p)
{
    struct levels *l = &p->levels;
    if (l->map)
        pool_map_release(p->owner->options.pool, l->map);
    l->map = NULL;
    phase_table_finish(&l->table);
    results_destroy(l->results);
    l->results = NULL;
    free(l->known);
    l->known = NULL;
}

// ---- Built in

// Makes the cells the phase's one reduced row.
static int keep_reduced(struct phase *p, const struct schema *schema, const struct cell *cells,
                        br_error *err)
{
    struct buffer row = BUFFER_EMPTY;
    row_pack(&row, cells, schema->count);
    p->reduced = results_create(schema, 1, err);
    int result = -1;
    if (p->reduced && buffer_check(&row, err) == 0)
        result = results_put(p->reduced, 0, 1, row.data, row.length, err);
    buffer_finish(&row);
    return result;
}

// Records a reduction without a result (a sum that does not fit, no task that succeeded) as one
// task that failed.
static int fail_reduction(struct phase *p, const char *message, int64_t now, br_error *err)
{
    struct phases *ph = p->owner;
    uint32_t number = p->reduction;
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = number,
                                   .worker = UINT32_MAX,
                                   .attempt = 1,
                                   .status = OUTCOME_ERROR,
                                   .final = true,
                                   .start_ns = now - ph->options.begin_ns,
                                   .cpu_ns = -1,
                                   .peak_memory = -1,
                                   .cpu = -1,
                                   .inputs = "",
                                   .message = message}};
    ph->all_ok = false;
    if (phase_emit_begin_reduction(p, 1, now, err) != 0)
        return -1;
    if (resume_state_failed(ph->options.resume_state, number) == 0 &&
        phase_emit(ph, &e, now, err) != 0)
        return -1;
    return phase_emit_end(ph, number, PHASE_ENDED, 0, now, err);
}

int phase_finish_builtin(struct phase *p, int64_t now, br_error *err)
{
    const struct schema *schema = reduce_schema(p->reduce);
    struct cell *cells = calloc(schema->count + 1, sizeof *cells);
    br_error why = {0};
    if (!cells)
        return br_error_nomem(err);
    int result = reduce_result(p->reduce, cells, &why);
    if (result == 0)
        result = keep_reduced(p, schema, cells, err);
    else if (why.kind == BR_ERR_USAGE)
        result = fail_reduction(p, why.text, now, err);
    else if (err)
        *err = why;
    free(cells);
    return result;
}

// ---- Reductions by a plugin's task

static int on_level_task(void *user, const struct exec_report *report, bool final, br_error *err)
{
    struct phase *p = user;
    struct levels *l = &p->levels;
    struct phase_reporter r = {.ph = p->owner,
                               .number = p->reduction,
                               .offset = l->before,
                               .table = &l->table,
                               .rows_per_task = p->spec->reduce.fan_in};
    if (report->type == REPORT_END && final) {
        l->failed = true;
        p->owner->all_ok = false;
    }
    // The event comes before the row: if the row cannot be kept, a resume recovers it.
    if (phase_report(&r, report, final, err) != 0)
        return -1;
    if (report->type != REPORT_OK)
        return 0;
    return results_put(l->results, report->tasks.first, report->tasks.count, report->ok.results,
                       report->ok.results_size, err);
}

static uint64_t level_tasks(const struct phase *p, uint64_t rows)
{
    uint64_t fan_in = p->spec->reduce.fan_in;
    return rows / fan_in + (rows % fan_in != 0);
}

static uint64_t all_level_tasks(const struct phase *p, uint64_t rows)
{
    uint64_t sum = 0;
    do
        sum += rows = level_tasks(p, rows);
    while (rows > 1);
    return sum;
}

static int submit_level(struct phase *p, const struct ledger_past *past, int64_t now, br_error *err)
{
    struct levels *l = &p->levels;
    const struct plugin_entry *entry = p->prepared->reduce_entry;
    struct pool_map_options o = phase_map_options(p);
    o.map.plugin = p->prepared->reduce_plugin;
    o.map.task = entry->name;
    o.map.phase = l->name;
    o.map.seed = prepared_seed(p->owner->options.prepared, l->name) + l->before;
    o.map.table_fd = l->table.fd;
    o.map.table_size = l->table.size;
    o.map.rows = table_rows(&l->table.table);
    o.map.rows_per_task = p->spec->reduce.fan_in;
    o.map.results = &entry->signature.results;
    o.tasks = l->tasks;
    o.observer = on_level_task;
    l->map = phase_submit(p, &o, past, now, err);
    return l->map ? 0 : -1;
}

// Starts a level whose input table is `image`, which is taken over.
static int start_level(struct phase *p, struct buffer *image, int64_t now, br_error *err)
{
    struct phases *ph = p->owner;
    struct levels *l = &p->levels;
    struct resume_history h;
    if (phase_table_make(&l->table, image, err) != 0)
        return -1;
    l->tasks = level_tasks(p, table_rows(&l->table.table));
    if (resume_state_history(ph->options.resume_state, p->reduction, l->before, l->tasks, &h,
                             err) != 0)
        return -1;
    l->results = h.results
                     ? h.results
                     : results_create(&p->prepared->reduce_entry->signature.results, l->tasks, err);
    l->known = h.known;
    if (h.failed_count > 0) {
        l->failed = true;
        ph->all_ok = false;
    }
    h.results = NULL;
    h.known = NULL;
    int result = l->results ? submit_level(p, &h.ledger, now, err) : -1;
    resume_history_finish(&h);
    return result;
}

int phase_start_reduction(struct phase *p, int64_t now, br_error *err)
{
    uint64_t rows = results_count(p->results);
    if (rows == 0) {
        p->state = OVER;
        return fail_reduction(p, "no task succeeded, so there is nothing to reduce", now, err);
    }
    struct buffer image = BUFFER_EMPTY;
    if (results_table(p->results, phase_inputs(p), &image, err) != 0) {
        buffer_finish(&image);
        return -1;
    }
    p->state = REDUCING;
    if (phase_emit_begin_reduction(p, all_level_tasks(p, rows), now, err) != 0) {
        buffer_finish(&image);
        return -1;
    }
    return start_level(p, &image, now, err);
}

static int end_reduction(struct phase *p, int64_t now, br_error *err)
{
    struct levels *l = &p->levels;
    uint64_t skipped = pool_map_ledger(l->map)->ended[OUTCOME_SKIPPED];
    uint64_t begun = l->before + l->tasks;
    uint64_t rest = all_level_tasks(p, results_count(p->results)) - begun;
    bool whole = !l->failed && skipped == 0 && rest == 0 && !p->cut;
    if (!whole && !l->failed)
        phase_cut(p, now);
    return phase_emit_end(p->owner, p->reduction, whole ? PHASE_ENDED : PHASE_STOPPED,
                          skipped + rest, now, err);
}

int phase_end_reduction(struct phase *p, int64_t now, br_error *err)
{
    if (end_reduction(p, now, err) != 0)
        return -1;
    phase_free_levels(p);
    phase_close(p);
    return 0;
}

int phase_next_level(struct phase *p, int64_t now, br_error *err)
{
    struct levels *l = &p->levels;
    bool last = l->tasks == 1;
    if (l->failed || last || phase_stops(p, now)) {
        if (last && !l->failed && results_count(l->results) == 1) {
            p->reduced = l->results;
            l->results = NULL;
        }
        // Files are written before the event that says the phase has ended (run/phase_rows.h).
        if (phase_write_results(p, err) != 0)
            return -1;
        return p->state == WRITING ? 0 : phase_end_reduction(p, now, err);
    }
    struct buffer image = BUFFER_EMPTY;
    if (results_table(l->results, NULL, &image, err) != 0) {
        buffer_finish(&image);
        return -1;
    }
    l->before += l->tasks;
    phase_free_levels(p);
    return start_level(p, &image, now, err);
}
