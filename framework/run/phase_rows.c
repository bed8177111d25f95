// SPDX-License-Identifier: BSD-3-Clause
#include "run/phase_rows.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "inputs/inputs.h"
#include "run/check_command.h"
#include "run/phase_events.h"
#include "run/phase_files.h"
#include "run/phase_reduction.h"

// ---- What the pool reports

static int take_rows(struct phase *p, const struct exec_report *r, br_error *err)
{
    if (p->reduce && reduce_rows(p->reduce, r->tasks.first, r->tasks.count, r->ok.results,
                                 r->ok.results_size, err) != 0)
        return -1;
    return p->results ? results_put(p->results, r->tasks.first, r->tasks.count, r->ok.results,
                                    r->ok.results_size, err)
                      : 0;
}

static int take_failure(struct phase *p, uint64_t task, br_error *err)
{
    phase_count_failures(p, 1);
    return p->reduce ? reduce_skip(p->reduce, task, 1, err) : 0;
}

static int on_task(void *user, const struct exec_report *report, bool final, br_error *err)
{
    struct phase *p = user;
    struct phase_reporter r = {
        .ph = p->owner, .number = p->number, .table = &p->table, .rows_per_task = p->spec->batch};
    // The event comes before the rows: if they cannot be kept, a resume recovers them.
    if (phase_report(&r, report, final, err) != 0)
        return -1;
    if (report->type == REPORT_OK)
        return take_rows(p, report, err);
    return report->type == REPORT_END && final ? take_failure(p, report->tasks.first, err) : 0;
}

// ---- Starting

static int submit(struct phase *p, const struct ledger_past *past, int64_t now, br_error *err)
{
    struct pool_map_options o = phase_map_options(p);
    o.map.plugin = p->prepared->plugin;
    o.map.task = p->prepared->entry->name;
    o.map.phase = p->spec->name;
    o.map.seed = prepared_seed(p->owner->options.prepared, p->spec->name);
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

// Checks the command lines of a phase whose inputs are the results of another.
static int check_loaded(const struct phase *p, const struct buffer *image, struct diagnostics *d,
                        br_error *err)
{
    struct table table;
    struct schema columns = {0};
    if (table_open(&table, image->data, image->length, err) != 0 ||
        results_schema_of_table(&table, &columns, err) != 0)
        return -1;
    check_command(p->owner->options.prepared->job, p->place, &columns, &table, d);
    schema_finish(&columns);
    return d->count > 0 ? -1 : 0;
}

// Makes the input table of a phase that reads `from` another. Its columns were checked before the
// run began.
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
    if (result == 0)
        result = check_loaded(p, image, &d, err);
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
        image = prepared_take_image(p->owner->options.prepared, p->place);
    }
    return phase_table_make(&p->table, &image, err);
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

// Feeds a built-in reduction with the outcomes of an earlier process. `rows` may be NULL.
static int reduce_earlier(struct reduce *r, const struct results *rows,
                          const struct resume_history *h, br_error *err)
{
    uint64_t first, count;
    size_t size;
    const void *data;
    for (uint64_t at = 0; rows && (data = results_run(rows, at, &first, &count, &size));
         at = first + count)
        if (reduce_rows(r, first, count, data, size, err) != 0)
            return -1;
    for (size_t i = 0; i < h->failed_count; i++)
        if (reduce_skip(r, h->failed[i], 1, err) != 0)
            return -1;
    return 0;
}

// Notes the rows that batches of the phase lack because tasks of the phase that it reads from have
// failed. A phase that an earlier process started has its note in the journal; a phase of a try
// reads rows of an earlier run.
static int note_missing_rows(struct phase *p, int64_t now, br_error *err)
{
    const struct phases *ph = p->owner;
    if (p->spec->inputs.kind != INPUT_FROM || p->spec->batch == 1 ||
        resume_state_begun(ph->options.resume_state, p->number) || ph->options.part)
        return 0;
    const struct phase *from = &ph->phases[p->spec->inputs.from];
    uint64_t missing =
        from->reduced ? 0 : results_rows(from->results) - results_count(from->results);
    if (missing == 0)
        return 0;
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text, "%" PRIu32 " %" PRIu64 " %s", p->number, missing, from->spec->name);
    char *note = buffer_take_string(&text, err);
    struct event e = {.type = EVENT_NOTE, .note = {EVENT_NOTE_MISSING, note}};
    int result = note ? phase_emit(p->owner, &e, now, err) : -1;
    free(note);
    return result;
}

// Makes the tasks that a try leaves out known, as if an earlier process had skipped them.
static int leave_out(struct phase *p, struct resume_history *h, br_error *err)
{
    const struct selected_phase *part = &p->owner->options.part->phases[p->place];
    h->known = calloc(BITS_WORDS(p->tasks), sizeof *h->known);
    if (!h->known)
        return br_error_nomem(err);
    for (uint64_t i = 0; i < p->tasks; i++)
        if (!bits_has(part->chosen, i))
            bits_add(h->known, i);
    p->left_out = p->tasks - part->count;
    h->ledger.known = h->known;
    h->ledger.ended[OUTCOME_SKIPPED] = p->left_out;
    return 0;
}

// Tells a built-in reduction of the tasks that a try leaves out.
static int reduce_without(struct phase *p, br_error *err)
{
    for (uint64_t end, at = bits_next(p->known, 0, p->tasks); at < p->tasks;
         at = bits_next(p->known, end, p->tasks)) {
        end = bits_next_missing(p->known, at, p->tasks);
        if (reduce_skip(p->reduce, at, end - at, err) != 0)
            return -1;
    }
    return 0;
}

// Takes over the outcomes of an earlier process, and submits the other tasks.
static int submit_rest(struct phase *p, struct resume_history *h, int64_t now, br_error *err)
{
    struct results *rows = h->results;
    if (keeps_rows(p)) {
        p->results = rows;
        h->results = NULL;
    }
    if (make_results(p, err) != 0 || (p->reduce && reduce_earlier(p->reduce, rows, h, err) != 0))
        return -1;
    p->known = h->known;
    h->known = NULL;
    if (p->left_out > 0 && p->reduce && reduce_without(p, err) != 0)
        return -1;
    phase_count_failures(p, h->failed_count);
    if (phase_emit_begin(p, p->tasks, now, err) != 0 || note_missing_rows(p, now, err) != 0)
        return -1;
    p->state = RUNNING;
    return submit(p, &h->ledger, now, err);
}

int phase_start_rows(struct phase *p, int64_t now, br_error *err)
{
    struct resume_state *state = p->owner->options.resume_state;
    uint32_t number = p->number;
    struct resume_history h;
    if (make_table(p, err) != 0)
        return -1;
    p->tasks = prepared_tasks(p->owner->options.prepared, p->place, table_rows(&p->table.table));
    if (p->spec->batch > 1 &&
        phase_table_make_batches(p->tasks, &p->batch_image, &p->batches, err) != 0)
        return -1;
    if (resume_state_begun(state, number) && resume_state_tasks(state, number) != p->tasks)
        return br_error_set(err, BR_ERR_USAGE,
                            "phase %s has %" PRIu64 " tasks, but had %" PRIu64
                            " when the run started; --fresh sets the run aside and starts anew",
                            p->spec->name, p->tasks, resume_state_tasks(state, number));
    if (resume_state_history(state, number, 0, p->tasks, &h, err) != 0)
        return -1;
    int result = p->owner->options.part ? leave_out(p, &h, err) : 0;
    if (result == 0)
        result = submit_rest(p, &h, now, err);
    resume_history_finish(&h);
    return result;
}

// ---- Ending

static int end_rows(struct phase *p, int64_t now, br_error *err)
{
    const struct ledger *l = pool_map_ledger(p->map);
    uint64_t skipped = l->ended[OUTCOME_SKIPPED] - p->left_out;
    bool whole = skipped == 0 && l->ended[OUTCOME_CANCELLED] == 0 && !p->cut;
    if (!whole)
        phase_cut(p, now);
    return phase_emit_end(p->owner, p->number, whole ? PHASE_ENDED : PHASE_STOPPED, skipped, now,
                          err);
}

static bool is_whole(const struct phase *p)
{
    const struct ledger *l = pool_map_ledger(p->map);
    return l->ended[OUTCOME_SKIPPED] == p->left_out && l->ended[OUTCOME_CANCELLED] == 0;
}

int phase_finish_rows(struct phase *p, int64_t now, br_error *err)
{
    bool whole = is_whole(p), reduces = p->prepared->reduce_entry != NULL;
    int result = 0;
    // A phase that was stopped gets no result file: it would look like a whole one.
    if (whole && p->reduce)
        result = phase_finish_builtin(p, now, err);
    if (result == 0 && whole && !reduces)
        result = phase_write_results(p, err);
    if (result != 0 || p->state == WRITING)
        return result;
    return phase_end_rows(p, now, err);
}

int phase_end_rows(struct phase *p, int64_t now, br_error *err)
{
    struct phases *ph = p->owner;
    bool whole = is_whole(p), reduces = p->prepared->reduce_entry != NULL;
    if (end_rows(p, now, err) != 0)
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
