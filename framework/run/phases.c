// SPDX-License-Identifier: BSD-3-Clause
#include "run/phases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/reduce.h"
#include "run/inputs.h"
#include "run/journal.h"
#include "run/output.h"
#include "run/phase_table.h"
#include "run/results.h"

enum phase_state {
    WAITING,
    RUNNING,
    REDUCING,
    OVER
};

// One level of a reduction by a plugin's task, and what all levels share.
struct levels {
    struct pool_map *map;
    struct phase_table table;
    struct results *results;
    uint64_t tasks;  // of this level
    uint64_t before; // of the levels before it: an event's index counts through all
    bool failed;     // a task of it has: there will be no result
    char *name;
};

struct phase {
    struct phases *owner;
    size_t place;
    const struct job_phase *spec;
    const struct prepared_phase *prepared;
    enum phase_state state;
    bool *before; // phases that must be over first
    bool is_read; // a later phase reads its results
    struct pool_map *map;
    struct phase_table table;
    uint64_t tasks;
    uint64_t failed;
    struct results *results; // of its rows, where anybody wants them
    struct reduce *reduce;   // built-in
    struct results *reduced; // the one row
    struct levels levels;
};

struct phases {
    struct phases_options options;
    struct phase *phases;
    size_t count;
    bool stopping;
    bool all_ok;
    struct buffer text;
    br_error error; // the first failure within an observer, which cannot return it
};

// ---- Events

static void keep_error(struct phases *ph, int result, const br_error *err)
{
    if (result != 0 && ph->error.kind == BR_ERR_NONE)
        ph->error = *err;
}

static void emit(struct phases *ph, struct event *e, int64_t now)
{
    br_error err;
    e->time_ns = now - ph->options.begin_ns;
    keep_error(ph, ph->options.sink->take(ph->options.sink, e, &err), &err);
}

static void emit_begin(struct phases *ph, uint32_t number, const char *name, const char *task,
                       uint64_t tasks, int64_t now)
{
    struct event e = {.type = EVENT_PHASE_BEGIN,
                      .phase_begin = {.phase = number, .name = name, .task = task, .tasks = tasks}};
    emit(ph, &e, now);
}

static void emit_end(struct phases *ph, uint32_t number, enum phase_end how, uint64_t skipped,
                     int64_t now)
{
    struct event e = {.type = EVENT_PHASE_END,
                      .phase_end = {.phase = number, .how = how, .skipped = skipped}};
    emit(ph, &e, now);
}

// What the pool reports of a map's tasks, as events of phase `number`.
struct reporter {
    struct phases *ph;
    uint32_t number;
    uint64_t offset; // added to task indices
    const struct phase_table *table;
    uint64_t rows_per_task;
    bool keep; // whether results go into the event
};

static const char *describe_inputs(const struct reporter *r, uint64_t task)
{
    struct buffer *text = &r->ph->text;
    buffer_reset(text);
    phase_table_describe(r->table, task, r->rows_per_task, text);
    buffer_char(text, '\0');
    return text->failed ? "" : text->data;
}

static void report_long_ok(const struct reporter *r, const struct exec_report *report)
{
    int64_t start = report->ok.start_ns - r->ph->options.begin_ns;
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = r->number,
                                   .worker = report->slot,
                                   .index = report->tasks.first + r->offset,
                                   .attempt = report->tasks.attempt,
                                   .status = OUTCOME_OK,
                                   .final = true,
                                   .start_ns = start,
                                   .duration_ns = report->ok.duration_ns,
                                   .cpu_ns = report->ok.cpu_ns,
                                   .peak_memory = -1,
                                   .cpu = report->ok.cpu,
                                   .inputs = "",
                                   .message = "",
                                   .result = r->keep ? report->ok.results : NULL,
                                   .result_size = r->keep ? report->ok.results_size : 0}};
    emit(r->ph, &e, report->ok.start_ns + report->ok.duration_ns);
}

static void report_ok(const struct reporter *r, const struct exec_report *report)
{
    if (report->ok.duration_ns >= 0) {
        report_long_ok(r, report);
        return;
    }
    struct event e = {.type = EVENT_TASKS_OK,
                      .tasks_ok = {.phase = r->number,
                                   .worker = report->slot,
                                   .attempt = report->tasks.attempt,
                                   .first = report->tasks.first + r->offset,
                                   .count = report->tasks.count,
                                   .start_ns = report->ok.start_ns - r->ph->options.begin_ns,
                                   .durations = report->ok.durations,
                                   .results = r->keep ? report->ok.results : NULL,
                                   .results_size = r->keep ? report->ok.results_size : 0}};
    emit(r->ph, &e, report->ok.start_ns);
}

static void report_end(const struct reporter *r, const struct exec_report *report, bool final)
{
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = r->number,
                                   .worker = report->slot,
                                   .index = report->tasks.first + r->offset,
                                   .attempt = report->tasks.attempt,
                                   .status = report->end.status,
                                   .final = final,
                                   .start_ns = report->end.start_ns - r->ph->options.begin_ns,
                                   .duration_ns = report->end.duration_ns,
                                   .cpu_ns = report->end.cpu_ns,
                                   .peak_memory = report->end.peak_memory,
                                   .cpu = report->end.cpu,
                                   .signal = report->end.signal,
                                   .exit_code = report->end.exit_code,
                                   .inputs = describe_inputs(r, report->tasks.first),
                                   .message = report->end.message}};
    emit(r->ph, &e, report->end.start_ns + report->end.duration_ns);
}

static void report_output(const struct reporter *r, const struct exec_report *report)
{
    struct event e = {.type = EVENT_OUTPUT,
                      .output = {.phase = r->number,
                                 .worker = report->slot,
                                 .first = report->tasks.first + r->offset,
                                 .count = report->tasks.count,
                                 .attempt = report->tasks.attempt,
                                 .stream = (uint32_t)report->output.stream,
                                 .offset = report->output.offset,
                                 .length = report->output.length}};
    emit(r->ph, &e, r->ph->options.begin_ns);
}

static void pass_on(const struct reporter *r, const struct exec_report *report, bool final)
{
    if (report->type == REPORT_OK)
        report_ok(r, report);
    else if (report->type == REPORT_END)
        report_end(r, report, final);
    else
        report_output(r, report);
}

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

static int take_failure(struct phase *p, const struct exec_report *r, br_error *err)
{
    p->failed++;
    p->owner->all_ok = false;
    if (has_had_enough(p))
        p->owner->stopping = true;
    return p->reduce ? reduce_skip(p->reduce, r->tasks.first, 1, err) : 0;
}

static void on_task(void *user, const struct exec_report *report, bool final)
{
    struct phase *p = user;
    struct reporter r = {.ph = p->owner,
                         .number = (uint32_t)p->place,
                         .table = &p->table,
                         .rows_per_task = p->spec->batch,
                         .keep = p->results != NULL};
    br_error err;
    if (report->type == REPORT_OK)
        keep_error(p->owner, take_rows(p, report, &err), &err);
    else if (report->type == REPORT_END && final)
        keep_error(p->owner, take_failure(p, report, &err), &err);
    pass_on(&r, report, final);
}

// ---- Starting a phase

static uint64_t seed_of(const struct phases *ph, const char *phase)
{
    const char *job = ph->options.prepared->job->name;
    return journal_hash(journal_hash(0, job, strlen(job)), phase, strlen(phase));
}

static struct pool_map_options map_options(const struct phase *p)
{
    const struct job_phase *spec = p->spec;
    return (struct pool_map_options){
        .map = {.soft_ns = spec->timeout.soft_ns, .hard_ns = spec->timeout.hard_ns},
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

static int submit(struct phase *p, br_error *err)
{
    struct pool_map_options o = map_options(p);
    o.map.plugin = p->prepared->plugin;
    o.map.task = p->prepared->entry->name;
    o.map.phase = p->spec->name;
    o.map.seed = seed_of(p->owner, p->spec->name);
    o.map.table_fd = p->table.fd;
    o.map.table_size = p->table.size;
    o.map.rows = table_rows(&p->table.table);
    o.map.rows_per_task = p->spec->batch;
    o.map.results = &p->prepared->entry->signature.results;
    o.tasks = p->tasks;
    o.chunk = p->spec->chunk_size > EXECUTOR_GRANT_MAX ? EXECUTOR_GRANT_MAX
                                                       : (uint32_t)p->spec->chunk_size;
    o.observer = on_task;
    p->map = pool_submit(p->owner->options.pool, &o, err);
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
    int result = results_table(results, from->reduced ? NULL : &from->table.table, &given, err);
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

static bool keeps_rows(const struct phase *p)
{
    return p->spec->reduce.kind == REDUCE_NONE || p->spec->reduce.kind == REDUCE_TASK ||
           p->spec->keep_results;
}

static bool is_builtin(const struct phase *p)
{
    return p->spec->reduce.kind != REDUCE_NONE && p->spec->reduce.kind != REDUCE_TASK;
}

static int start_phase(struct phase *p, int64_t now, br_error *err)
{
    const struct schema *results = &p->prepared->entry->signature.results;
    if (make_table(p, err) != 0)
        return -1;
    p->tasks = prepared_tasks(p->owner->options.prepared, p->place, table_rows(&p->table.table));
    if (keeps_rows(p)) {
        p->results = results_create(results, p->tasks, err);
        if (!p->results)
            return -1;
    }
    if (is_builtin(p)) {
        p->reduce =
            reduce_create(p->spec->reduce.kind, p->spec->reduce.fan_in, p->tasks, results, err);
        if (!p->reduce)
            return -1;
    }
    emit_begin(p->owner, (uint32_t)p->place, p->spec->name, p->spec->task, p->tasks, now);
    p->state = RUNNING;
    return submit(p, err);
}

static int skip_phase(struct phase *p, int64_t now)
{
    uint64_t tasks = prepared_tasks(p->owner->options.prepared, p->place, p->prepared->rows);
    emit_begin(p->owner, (uint32_t)p->place, p->spec->name, p->spec->task, tasks, now);
    emit_end(p->owner, (uint32_t)p->place, PHASE_SKIPPED, tasks, now);
    p->owner->all_ok = false;
    p->state = OVER;
    return 0;
}

// ---- Result files

// Without an `output` it is a file of the run directory.
static char *result_path(const struct phase *p, const char *suffix, br_error *err)
{
    const struct phases *ph = p->owner;
    if (p->spec->output && !suffix[0])
        return prepared_output(ph->options.prepared, p->place, err);
    struct buffer b = BUFFER_EMPTY;
    buffer_format(&b, "%s/%s%s.csv", ph->options.results_directory, p->spec->name, suffix);
    return buffer_take_string(&b, err);
}

static int write_file(const struct phase *p, const char *suffix, const struct table *inputs,
                      const struct results *results, br_error *err)
{
    enum output_format format;
    char *path = result_path(p, suffix, err);
    if (!path)
        return -1;
    int result = output_format_of(path, &format, err);
    if (result == 0)
        result = output_write(path, format, inputs, results, err);
    free(path);
    return result;
}

// A reduction's rows, where they are kept, lie beside the one row, as PHASE.rows.csv.
static int write_results(const struct phase *p, br_error *err)
{
    if (p->spec->reduce.kind == REDUCE_NONE)
        return write_file(p, "", &p->table.table, p->results, err);
    if (p->spec->keep_results && write_file(p, ".rows", &p->table.table, p->results, err) != 0)
        return -1;
    return p->reduced ? write_file(p, "", NULL, p->reduced, err) : 0;
}

// ---- Ending a phase

static void free_levels(struct phase *p)
{
    struct levels *l = &p->levels;
    if (l->map)
        pool_map_release(p->owner->options.pool, l->map);
    l->map = NULL;
    phase_table_finish(&l->table);
    results_destroy(l->results);
    l->results = NULL;
}

static void end_phase(struct phase *p, int64_t now)
{
    const struct ledger *l = pool_map_ledger(p->map);
    uint64_t skipped = l->ended[OUTCOME_SKIPPED];
    bool whole = skipped == 0 && l->ended[OUTCOME_CANCELLED] == 0;
    emit_end(p->owner, (uint32_t)p->place, whole ? PHASE_ENDED : PHASE_STOPPED, skipped, now);
    if (!whole)
        p->owner->all_ok = false;
}

static void close_phase(struct phase *p)
{
    p->state = OVER;
    if (p->is_read)
        return;
    phase_table_finish(&p->table);
    results_destroy(p->results);
    p->results = NULL;
}

// One row of cells as the phase's reduced result.
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

// A reduction that has no result (a sum that does not fit, no task that succeeded) is a failure
// of its own, told as the one task that it is.
static int fail_reduction(struct phase *p, const char *message, int64_t now)
{
    struct phases *ph = p->owner;
    uint32_t number = (uint32_t)(p->place + ph->count);
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = number,
                                   .worker = UINT32_MAX,
                                   .status = OUTCOME_ERROR,
                                   .final = true,
                                   .start_ns = now - ph->options.begin_ns,
                                   .cpu_ns = -1,
                                   .peak_memory = -1,
                                   .cpu = -1,
                                   .inputs = "",
                                   .message = message}};
    emit_begin(ph, number, p->levels.name, p->spec->reduce.task ? p->spec->reduce.task : "built in",
               1, now);
    emit(ph, &e, now);
    emit_end(ph, number, PHASE_ENDED, 0, now);
    ph->all_ok = false;
    return 0;
}

static int finish_builtin(struct phase *p, int64_t now, br_error *err)
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
        result = fail_reduction(p, why.text, now);
    else if (err)
        *err = why;
    free(cells);
    return result;
}

// ---- Reductions by a plugin's task

static void on_level_task(void *user, const struct exec_report *report, bool final)
{
    struct phase *p = user;
    struct levels *l = &p->levels;
    struct reporter r = {.ph = p->owner,
                         .number = (uint32_t)(p->place + p->owner->count),
                         .offset = l->before,
                         .table = &l->table,
                         .rows_per_task = p->spec->reduce.fan_in,
                         .keep = true};
    br_error err;
    if (report->type == REPORT_OK)
        keep_error(p->owner,
                   results_put(l->results, report->tasks.first, report->tasks.count,
                               report->ok.results, report->ok.results_size, &err),
                   &err);
    else if (report->type == REPORT_END && final) {
        l->failed = true;
        p->owner->all_ok = false;
    }
    pass_on(&r, report, final);
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

// `image`, the level's input, is taken over.
static int start_level(struct phase *p, struct buffer *image, br_error *err)
{
    struct levels *l = &p->levels;
    const struct plugin_entry *entry = p->prepared->reduce_entry;
    struct pool_map_options o = map_options(p);
    if (phase_table_make(&l->table, image, err) != 0)
        return -1;
    l->tasks = level_tasks(p, table_rows(&l->table.table));
    l->results = results_create(&entry->signature.results, l->tasks, err);
    if (!l->results)
        return -1;
    o.map.plugin = p->prepared->reduce_plugin;
    o.map.task = entry->name;
    o.map.phase = l->name;
    o.map.seed = seed_of(p->owner, l->name) + l->before;
    o.map.table_fd = l->table.fd;
    o.map.table_size = l->table.size;
    o.map.rows = table_rows(&l->table.table);
    o.map.rows_per_task = p->spec->reduce.fan_in;
    o.map.results = &entry->signature.results;
    o.tasks = l->tasks;
    o.observer = on_level_task;
    l->map = pool_submit(p->owner->options.pool, &o, err);
    return l->map ? 0 : -1;
}

static int start_reduction(struct phase *p, int64_t now, br_error *err)
{
    uint64_t rows = results_count(p->results);
    if (rows == 0) {
        p->state = OVER;
        return fail_reduction(p, "no task succeeded, so there is nothing to reduce", now);
    }
    struct buffer image = BUFFER_EMPTY;
    if (results_table(p->results, &p->table.table, &image, err) != 0) {
        buffer_finish(&image);
        return -1;
    }
    p->state = REDUCING;
    emit_begin(p->owner, (uint32_t)(p->place + p->owner->count), p->levels.name,
               p->spec->reduce.task, all_level_tasks(p, rows), now);
    return start_level(p, &image, err);
}

static void end_reduction(struct phase *p, int64_t now)
{
    struct levels *l = &p->levels;
    uint64_t skipped = pool_map_ledger(l->map)->ended[OUTCOME_SKIPPED];
    uint64_t begun = l->before + l->tasks;
    uint64_t rest = all_level_tasks(p, results_count(p->results)) - begun;
    bool whole = !l->failed && skipped == 0 && rest == 0;
    emit_end(p->owner, (uint32_t)(p->place + p->owner->count), whole ? PHASE_ENDED : PHASE_STOPPED,
             skipped + rest, now);
    if (!whole)
        p->owner->all_ok = false;
}

static int next_level(struct phase *p, int64_t now, br_error *err)
{
    struct levels *l = &p->levels;
    bool last = l->tasks == 1;
    if (l->failed || last || p->owner->stopping) {
        end_reduction(p, now);
        if (last && !l->failed && results_count(l->results) == 1) {
            p->reduced = l->results;
            l->results = NULL;
        }
        free_levels(p);
        int result = write_results(p, err);
        close_phase(p);
        return result;
    }
    struct buffer image = BUFFER_EMPTY;
    if (results_table(l->results, NULL, &image, err) != 0) {
        buffer_finish(&image);
        return -1;
    }
    l->before += l->tasks;
    free_levels(p);
    return start_level(p, &image, err);
}

// ---- Steps

// Every task of the phase has its outcome.
static int finish_rows(struct phase *p, int64_t now, br_error *err)
{
    struct phases *ph = p->owner;
    bool whole = pool_map_ledger(p->map)->ended[OUTCOME_SKIPPED] == 0 &&
                 pool_map_ledger(p->map)->ended[OUTCOME_CANCELLED] == 0;
    end_phase(p, now);
    pool_map_release(ph->options.pool, p->map);
    p->map = NULL;
    int result = 0;
    // A phase that was stopped gives no result file: it would look like a whole one.
    if (whole && p->prepared->reduce_entry && !ph->stopping)
        return start_reduction(p, now, err);
    if (whole && p->reduce)
        result = finish_builtin(p, now, err);
    if (result == 0 && whole && !p->prepared->reduce_entry)
        result = write_results(p, err);
    close_phase(p);
    return result;
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

// Takes the phase one step on; *moved says whether there was one.
static int step(struct phase *p, int64_t now, bool *moved, br_error *err)
{
    *moved = true;
    if (p->state == WAITING && (p->owner->stopping || (is_free_to_start(p) && !has_source(p))))
        return skip_phase(p, now);
    if (p->state == WAITING && is_free_to_start(p))
        return start_phase(p, now, err);
    if (p->state == RUNNING && pool_map_done(p->map))
        return finish_rows(p, now, err);
    if (p->state == REDUCING && pool_map_done(p->levels.map))
        return next_level(p, now, err);
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
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < ph->count; i++) {
            bool moved;
            if (step(&ph->phases[i], now, &moved, err) != 0)
                return -1;
            any |= moved;
        }
    }
    if (ph->error.kind != BR_ERR_NONE) {
        *err = ph->error;
        return -1;
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
        free_levels(p);
        phase_table_finish(&p->table);
        results_destroy(p->results);
        results_destroy(p->reduced);
        reduce_destroy(p->reduce);
        free(p->levels.name);
        free(p->before);
    }
    buffer_finish(&ph->text);
    free(ph->phases);
    free(ph);
}
