// SPDX-License-Identifier: BSD-3-Clause
#include "run/selection.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/text.h"
#include "inputs/convert.h"
#include "inputs/inputs.h"
#include "model/table.h"
#include "run/recorded_run.h"

struct choosing {
    struct selection *out;
    const struct selection_options *options;
    struct prepared *prepared;
};

bool selection_is_part(const struct selection_options *o)
{
    return o->only_count > 0 || o->first > 0;
}

// ---- A phase

// Makes room for the choice of a loaded phase, with nothing chosen.
static int begin_phase(struct choosing *c, size_t place, br_error *err)
{
    struct selected_phase *s = &c->out->phases[place];
    if (s->chosen)
        return 0;
    s->tasks = prepared_tasks(c->prepared, place, c->prepared->phases[place].rows);
    s->chosen = calloc(BITS_WORDS(s->tasks), sizeof *s->chosen);
    return s->chosen ? 0 : br_error_nomem(err);
}

static void choose(struct selected_phase *s, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        s->count += !bits_has(s->chosen, i);
        bits_add(s->chosen, i);
    }
}

// Leaves the first `most` chosen tasks of a phase.
static void limit(struct selected_phase *s, uint64_t most)
{
    uint64_t kept = 0;
    for (uint64_t i = bits_next(s->chosen, 0, s->tasks); i < s->tasks;
         i = bits_next(s->chosen, i + 1, s->tasks))
        if (++kept > most)
            s->chosen[i / 64] &= ~(UINT64_C(1) << i % 64);
    s->count = kept < most ? kept : most;
}

// ---- Inputs of a later phase

enum {
    ASIDE_MAX = 100000 // of runs that were set aside as NAME.run.1, NAME.run.2, ...
};

// Returns the path of the whole run's directory, or of the n-th that was set aside; the caller
// frees it. NULL and *err if memory runs out.
static char *whole_run(const struct choosing *c, unsigned n, br_error *err)
{
    const struct job *job = c->prepared->job;
    const char *parent = c->options->directory ? c->options->directory : job->directory;
    struct buffer path = BUFFER_EMPTY;
    if (strcmp(parent, ".") != 0)
        buffer_format(&path, "%s/", parent);
    buffer_format(&path, "%s.run", job->name);
    if (n > 0)
        buffer_format(&path, ".%u", n);
    return buffer_take_string(&path, err);
}

// Returns how many runs were set aside. Their numbers begin at 1 and have no gaps, unless the user
// has removed some.
static unsigned count_aside(const struct choosing *c)
{
    unsigned n = 0;
    for (bool there = true; there && n < ASIDE_MAX; n += there) {
        char *path = whole_run(c, n + 1, NULL);
        there = path && access(path, F_OK) == 0;
        free(path);
    }
    return n;
}

// Makes the table that phase `from` of the whole run gave. The job of that run may differ from this
// one in all but the phase's name.
static int given_by_run(const char *run, const char *from, struct buffer *image, br_error *err)
{
    struct recorded_run past;
    struct prepared prepared = {0};
    struct nursery nursery = NURSERY_NONE; // has the environment of that run's job
    int result = recorded_run_open(&past, run, err);
    if (result == 0)
        result = recorded_run_prepare(&past, &nursery, &prepared, err);
    size_t place = 0;
    while (result == 0 && place < prepared.job->phase_count &&
           strcmp(prepared.job->phases[place].name, from) != 0)
        place++;
    if (result == 0 && place == prepared.job->phase_count)
        result = br_error_set(err, BR_ERR_USAGE, "the run in %s has no phase `%s`", run, from);
    if (result == 0)
        result = recorded_run_given(&past, &prepared, place, image, err);
    prepared_finish(&prepared);
    recorded_run_close(&past);
    nursery_stop(&nursery);
    return result;
}

static int convert_given(struct choosing *c, size_t place, const struct buffer *given,
                         br_error *err)
{
    const struct job *job = c->prepared->job;
    struct prepared_phase *pp = &c->prepared->phases[place];
    struct diagnostics d;
    struct table table;
    diagnostics_init(&d, job->file, job->text, job->text_length);
    int result = table_open(&table, given->data, given->length, err);
    if (result == 0)
        result =
            inputs_load(job, place, &pp->entry->signature, &table, &d, &pp->image, &pp->rows, err);
    if (result != 0 && d.count > 0)
        br_error_set(err, d.kind, "%s", diagnostics_text(&d));
    pp->loaded = result == 0;
    diagnostics_finish(&d);
    return result;
}

// Makes the table that a phase gave in the newest run that has finished it: NAME.run, else the
// latest that was set aside. *err is that of NAME.run.
static int given_by_newest(struct choosing *c, const char *from, struct buffer *image,
                           br_error *err)
{
    char *run = whole_run(c, 0, err);
    int result = run ? given_by_run(run, from, image, err) : -1;
    free(run);
    for (unsigned n = result == 0 ? 0 : count_aside(c); result != 0 && n > 0; n--) {
        br_error unused;
        run = whole_run(c, n, &unused);
        buffer_finish(image);
        result = run ? given_by_run(run, from, image, &unused) : -1;
        free(run);
    }
    return result;
}

// Returns whether the whole run's directory exists.
static bool has_run(const struct choosing *c)
{
    char *path = whole_run(c, 0, NULL);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static int load_later(struct choosing *c, size_t place, br_error *err)
{
    const struct job *job = c->prepared->job;
    const struct job_phase *phase = &job->phases[place];
    const char *from = job->phases[phase->inputs.from].name;
    br_error why = {0};
    struct buffer given = BUFFER_EMPTY;
    int result = given_by_newest(c, from, &given, &why);
    if (result != 0)
        br_error_set(err, why.kind,
                     "phase `%s` reads the results of phase `%s`; a try takes them from a finished "
                     "run of the job, and there is none: %s",
                     phase->name, from, has_run(c) ? why.text : "run the job first");
    if (result == 0)
        result = convert_given(c, place, &given, err);
    buffer_finish(&given);
    return result;
}

// ---- PHASE#INDEX

static int find_phase(const struct job *job, const char *name, size_t length, size_t *place,
                      br_error *err)
{
    const char **names = calloc(job->phase_count + 1, sizeof *names);
    char *wanted = strndup(name, length);
    bool found = false;
    for (size_t i = 0; names && wanted && i < job->phase_count; i++) {
        names[i] = job->phases[i].name;
        if (strcmp(names[i], wanted) == 0) {
            *place = i;
            found = true;
        }
    }
    const char *near =
        names && wanted && !found ? text_nearest(wanted, names, job->phase_count) : NULL;
    int result = 0;
    if (!names || !wanted)
        result = br_error_nomem(err);
    else if (near)
        result = br_error_set(err, BR_ERR_USAGE,
                              "--only %s: the job has no phase `%s`; did you mean `%s`?", name,
                              wanted, near);
    else if (!found)
        result =
            br_error_set(err, BR_ERR_USAGE, "--only %s: the job has no phase `%s`", name, wanted);
    free(names);
    free(wanted);
    return result;
}

static bool read_index(const char *text, size_t length, uint64_t *out)
{
    int64_t value;
    if (!text_to_i64(text, length, &value) || value < 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

// Chooses "1,3,5-9" of a phase; `word` is the whole option.
static int choose_indices(struct selected_phase *s, const char *list, const char *word,
                          br_error *err)
{
    for (const char *at = list;;) {
        size_t length = strcspn(at, ","), dash = strcspn(at, "-,");
        uint64_t first, last;
        bool read = read_index(at, dash, &first);
        if (dash < length)
            read = read && read_index(at + dash + 1, length - dash - 1, &last);
        else
            last = read ? first : 0;
        if (!read || first > last)
            return br_error_set(err, BR_ERR_USAGE,
                                "--only %s: expected indices after the #, such as 3, 1-5 or 1,3,7",
                                word);
        if (last >= s->tasks)
            return br_error_set(err, BR_ERR_USAGE,
                                "--only %s: there is no task %" PRIu64 ": the phase has %" PRIu64
                                " tasks, counted from 0",
                                word, last, s->tasks);
        choose(s, first, last);
        if (!at[length])
            return 0;
        at += length + 1;
    }
}

static int choose_of_phase(struct choosing *c, const char *word, br_error *err)
{
    const struct job *job = c->prepared->job;
    size_t place = 0, length = strcspn(word, "#");
    if (find_phase(job, word, length, &place, err) != 0)
        return -1;
    if (!c->prepared->phases[place].loaded && load_later(c, place, err) != 0)
        return -1;
    if (begin_phase(c, place, err) != 0)
        return -1;
    struct selected_phase *s = &c->out->phases[place];
    if (word[length] == '#')
        return choose_indices(s, word + length + 1, word, err);
    if (s->tasks > 0)
        choose(s, 0, s->tasks - 1);
    return 0;
}

// ---- column=value

static bool is_equal(const struct cell *a, const struct cell *b)
{
    switch (a->type) {
    case BR_I64:
        return a->i64 == b->i64;
    case BR_F64:
        return a->f64 == b->f64 || (isnan(a->f64) && isnan(b->f64));
    case BR_BOOL:
        return a->boolean == b->boolean;
    default:
        return a->text.length == b->text.length &&
               memcmp(a->text.data, b->text.data, a->text.length) == 0;
    }
}

static bool has_text(const struct table *t, size_t column, uint64_t row, const char *value)
{
    struct cell_room room;
    size_t length;
    const char *text = table_text(t, column, row, &room, &length);
    return length == strlen(value) && memcmp(text, value, length) == 0;
}

// Chooses the tasks of rows whose cell has the text `value`, or with `wanted` equals that. Returns
// the number of rows.
static uint64_t choose_cells(struct selected_phase *s, uint64_t batch, const struct table *t,
                             size_t column, const char *value, const struct cell *wanted)
{
    uint64_t count = 0;
    for (uint64_t row = 0; row < table_rows(t); row++) {
        struct cell cell = table_cell(t, column, row);
        if (wanted ? !is_equal(&cell, wanted) : !has_text(t, column, row, value))
            continue;
        choose(s, row / batch, row / batch);
        count++;
    }
    return count;
}

// Chooses tasks of a phase by a column that it has: rows that have the value as it is written, such
// as 3.10 but not 3.1; if there is none, those that are equal. A value that is not of the column's
// type is in no row.
static int choose_rows(struct choosing *c, size_t place, const struct table *t, size_t column,
                       const char *value, uint64_t *found, br_error *err)
{
    struct cell text = {.type = BR_STR, .text = {value, strlen(value)}}, wanted;
    struct cell_room room;
    if (!convert_cell(&text, table_column_type(t, column), &room, &wanted))
        return 0;
    if (begin_phase(c, place, err) != 0)
        return -1;
    struct selected_phase *s = &c->out->phases[place];
    uint64_t batch = c->prepared->job->phases[place].batch, count = 0;
    if (table_is_written(t, column))
        count = choose_cells(s, batch, t, column, value, NULL);
    if (count == 0)
        count = choose_cells(s, batch, t, column, value, &wanted);
    *found += count;
    return 0;
}

static int refuse_column(const struct choosing *c, const char *word, const char *name,
                         br_error *err)
{
    const struct prepared *p = c->prepared;
    const char *near = NULL;
    for (size_t i = 0; !near && i < p->job->phase_count; i++) {
        struct table t;
        if (!p->phases[i].loaded ||
            table_open(&t, p->phases[i].image.data, p->phases[i].image.length, NULL) != 0)
            continue;
        const char *names[SCHEMA_MAX];
        for (size_t k = 0; k < table_columns(&t); k++)
            names[k] = table_column_name(&t, k);
        near = text_nearest(name, names, table_columns(&t));
    }
    if (near)
        return br_error_set(err, BR_ERR_USAGE,
                            "--only %s: no input has a column `%s`; did you mean `%s`?", word, name,
                            near);
    return br_error_set(err, BR_ERR_USAGE, "--only %s: no input has a column `%s`", word, name);
}

// What `column=value` has chosen.
struct found {
    bool column; // a phase has the column
    uint64_t rows;
};

// Chooses rows of all phases that have the column.
static int choose_by_name(struct choosing *c, const char *name, const char *value,
                          struct found *found, br_error *err)
{
    const struct prepared *p = c->prepared;
    int result = 0;
    for (size_t i = 0; result == 0 && i < p->job->phase_count; i++) {
        struct table t;
        if (!p->phases[i].loaded || p->job->phases[i].inputs.kind == INPUT_FROM)
            continue;
        result = table_open(&t, p->phases[i].image.data, p->phases[i].image.length, err);
        int column = result == 0 ? table_find(&t, name) : -1;
        if (column < 0)
            continue;
        found->column = true;
        result = choose_rows(c, i, &t, (size_t)column, value, &found->rows, err);
    }
    return result;
}

// A column's name can contain "=", so each "=" may be the one that ends it.
static int choose_by_column(struct choosing *c, const char *word, br_error *err)
{
    struct found found = {0};
    char *name = strdup(word);
    int result = name ? 0 : br_error_nomem(err);
    for (char *end = name ? strchr(name, '=') : NULL; result == 0 && end;
         end = strchr(end + 1, '=')) {
        *end = '\0';
        result = choose_by_name(c, name, end + 1, &found, err);
        *end = '=';
    }
    if (result == 0 && !found.column) {
        name[strcspn(name, "=")] = '\0';
        result = refuse_column(c, word, name, err);
    } else if (result == 0 && found.rows == 0) {
        result = br_error_set(err, BR_ERR_USAGE, "--only %s: no row has this value", word);
    }
    free(name);
    return result;
}

// ---- All of it

static int choose_first_phases(struct choosing *c, br_error *err)
{
    const struct prepared *p = c->prepared;
    for (size_t i = 0; i < p->job->phase_count; i++) {
        if (p->job->phases[i].inputs.kind == INPUT_FROM)
            continue;
        if (begin_phase(c, i, err) != 0)
            return -1;
        if (c->out->phases[i].tasks > 0)
            choose(&c->out->phases[i], 0, c->out->phases[i].tasks - 1);
    }
    return 0;
}

static int choose_all(struct choosing *c, br_error *err)
{
    const struct selection_options *o = c->options;
    if (o->only_count == 0)
        return choose_first_phases(c, err);
    for (size_t i = 0; i < o->only_count; i++) {
        const char *word = o->only[i];
        bool by_column = strchr(word, '=') != NULL;
        if (!*word || *word == '=' || (*word == '#' && !by_column))
            return br_error_set(err, BR_ERR_USAGE,
                                "--only %s: expected PHASE#INDEX, PHASE or column=value", word);
        int result = by_column ? choose_by_column(c, word, err) : choose_of_phase(c, word, err);
        if (result != 0)
            return -1;
    }
    return 0;
}

static char *describe(const struct selection_options *o, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < o->only_count; i++) {
        buffer_text(&text, i > 0 ? " --only " : "--only ");
        text_shell(&text, o->only[i]);
    }
    if (o->first > 0)
        buffer_format(&text, "%s--first %" PRIu64, o->only_count > 0 ? " " : "", o->first);
    return buffer_take_string(&text, err);
}

int selection_make(struct selection *out, const struct selection_options *o, struct prepared *p,
                   br_error *err)
{
    struct choosing c = {out, o, p};
    *out = (struct selection){0};
    if (!selection_is_part(o))
        return 0;
    out->text = describe(o, err);
    if (!out->text)
        return -1;
    out->phase_count = p->job->phase_count;
    out->phases = calloc(out->phase_count + 1, sizeof *out->phases);
    if (!out->phases)
        return br_error_nomem(err);
    if (choose_all(&c, err) != 0)
        return -1;
    for (size_t i = 0; i < out->phase_count; i++) {
        struct selected_phase *s = &out->phases[i];
        if (s->chosen && o->first > 0)
            limit(s, o->first);
        if (s->count == 0) {
            free(s->chosen);
            s->chosen = NULL;
        }
    }
    if (selection_count(out) == 0)
        return br_error_set(err, BR_ERR_USAGE, "%s: no task is chosen", out->text);
    return 0;
}

void selection_finish(struct selection *s)
{
    for (size_t i = 0; i < s->phase_count; i++)
        free(s->phases[i].chosen);
    free(s->phases);
    free(s->text);
    *s = (struct selection){0};
}

uint64_t selection_count(const struct selection *s)
{
    uint64_t count = 0;
    for (size_t i = 0; i < s->phase_count; i++)
        count += s->phases[i].count;
    return count;
}
