// SPDX-License-Identifier: BSD-3-Clause
// Makes every combination of the axes' values, the last axis fastest, without those that `exclude`
// matches, followed by the rows of `include`.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inputs/inputs_private.h"

enum {
    // Limit of combinations if they have to be stored, because some are excluded or included.
    STORED_MAX = 1000 * 1000 * 1000
};

struct axis {
    const char *name;
    struct buffer image;
    struct table values; // one column, reads `image`
    uint64_t length;
    uint64_t divisor; // number of combinations of the axes after it
};

struct matrix {
    const struct job_inputs *in;
    struct axis *axes;
    size_t count;
    uint64_t combinations;
    uint64_t kept;          // combinations that no row of `exclude` matches
    unsigned char *dropped; // a bit for each combination; NULL if none is dropped
};

static void matrix_finish(struct matrix *m)
{
    for (size_t i = 0; m->axes && i < m->count; i++)
        buffer_finish(&m->axes[i].image);
    free(m->axes);
    free(m->dropped);
}

static enum br_type axis_type(const struct axis *a)
{
    return table_column_type(&a->values, 0);
}

// Reads one axis. Sets *sound to false if it has errors. Returns -1 and *l->err if the system
// fails.
static int read_axis(struct loader *l, const struct job_axis *from, struct axis *a, bool *sound)
{
    struct loaded loaded = {0};
    size_t before = l->d->count;
    a->name = from->name;
    int result = inputs_read_plain(l, from->values, from->name, &loaded);
    if (result == 0 && (!loaded.builder || l->d->count > before)) {
        table_builder_destroy(loaded.builder);
        *sound = false;
        return 0;
    }
    if (result == 0)
        result = table_builder_finish(loaded.builder, &a->image, l->err);
    table_builder_destroy(loaded.builder);
    if (result == 0)
        result = table_open(&a->values, a->image.data, a->image.length, l->err);
    a->length = loaded.rows;
    return result;
}

static int read_axes(struct loader *l, struct matrix *m, bool *sound)
{
    *sound = true;
    for (size_t i = 0; i < m->count; i++)
        if (read_axis(l, &m->in->matrix.axes[i], &m->axes[i], sound) != 0)
            return -1;
    m->combinations = 1;
    for (size_t i = m->count; *sound && i-- > 0;) {
        m->axes[i].divisor = m->combinations ? m->combinations : 1;
        if (__builtin_mul_overflow(m->combinations, m->axes[i].length, &m->combinations) ||
            m->combinations > JOB_ROWS_MAX) {
            diagnostics_add(l->d, BR_ERR_USAGE, m->in->mark, 1, NULL,
                            "the matrix has more than 2^53 rows");
            *sound = false;
        }
    }
    return 0;
}

static int fit_axes(struct loader *l, const struct matrix *m)
{
    const char **names = calloc(m->count + 1, sizeof *names);
    if (!names)
        return br_error_nomem(l->err);
    for (size_t i = 0; i < m->count; i++)
        names[i] = m->in->matrix.axes[i].name;
    inputs_fit_columns(l, names, m->count);
    free(names);
    return 0;
}

static uint64_t axis_place(const struct axis *a, uint64_t combination)
{
    return combination / a->divisor % a->length;
}

// ---- Exclude

static bool cells_equal(const struct cell *a, const struct cell *b)
{
    switch (a->type) {
    case BR_I64:
        return a->i64 == b->i64;
    case BR_F64:
        return a->f64 == b->f64 || (isnan(a->f64) && isnan(b->f64));
    case BR_BOOL:
        return a->boolean == b->boolean;
    case BR_STR:
    case BR_BYTES:
        return a->text.length == b->text.length &&
               !memcmp(a->text.data, b->text.data, a->text.length);
    case BR_TYPE_NONE:
        break;
    }
    return false;
}

static const struct job_setting *setting_of(const struct job_match *match, const char *name)
{
    for (size_t i = 0; i < match->columns.count; i++)
        if (!strcmp(match->columns.items[i].name, name))
            return &match->columns.items[i];
    return NULL;
}

// Returns whether the axis has a value that was written in the same way. Sets a byte of `matches`
// for each value.
static bool match_text(const struct axis *a, const struct job_value *want, unsigned char *matches)
{
    struct cell_room want_room, room;
    size_t want_length, length;
    const char *text = job_value_text(want, &want_room, &want_length);
    bool any = false;
    for (uint64_t v = 0; v < a->length; v++) {
        const char *other = table_text(&a->values, 0, v, &room, &length);
        matches[v] = length == want_length && !memcmp(other, text, length);
        any = any || matches[v];
    }
    return any;
}

// Returns the cell as a number if both it and the wanted value are numbers, else as it is.
static struct cell as_wanted(const struct cell *cell, const struct job_value *want)
{
    struct cell_room room;
    struct cell number = *cell;
    bool is_number = want->cell.type == BR_I64 || want->cell.type == BR_F64;
    if (is_number && cell->type == BR_STR)
        convert_cell(cell, BR_F64, &room, &number);
    return number;
}

// Sets a byte of `matches` for each value of the axis: whether it is the wanted one. Values that
// were written in the same way match, such as 3.10 but not 3.1; if there is none, those that are
// equal.
static void match_value(struct loader *l, const struct axis *a, const struct job_value *want,
                        unsigned char *matches)
{
    struct cell_room room;
    size_t before = l->d->count;
    struct cell cell = inputs_convert_value(l, want, a->name, axis_type(a), &room);
    // Numbers that are not kept as they were written have one text each.
    bool has_text = schema_type_is_text(axis_type(a)) || table_is_written(&a->values, 0);
    if (l->d->count > before || (has_text && match_text(a, want, matches)))
        return;
    cell = as_wanted(&cell, want);
    for (uint64_t v = 0; v < a->length; v++) {
        struct cell other = table_cell(&a->values, 0, v);
        other = as_wanted(&other, want);
        matches[v] = other.type == cell.type && cells_equal(&other, &cell);
    }
}

// Sets matches[i] to a byte for each value of axis i: whether the row of `exclude` matches it. It
// stays NULL if the row does not name the axis.
static int match_axes(struct loader *l, const struct matrix *m, const struct job_match *match,
                      unsigned char **matches)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct axis *a = &m->axes[i];
        const struct job_setting *setting = setting_of(match, a->name);
        if (!setting)
            continue;
        matches[i] = calloc(a->length + 1, 1);
        if (!matches[i])
            return br_error_nomem(l->err);
        match_value(l, a, &setting->value, matches[i]);
    }
    return 0;
}

static void drop_matches(struct matrix *m, unsigned char **matches)
{
    for (uint64_t row = 0; row < m->combinations; row++) {
        bool all = true;
        for (size_t i = 0; all && i < m->count; i++)
            all = !matches[i] || matches[i][axis_place(&m->axes[i], row)];
        unsigned bit = 1U << row % 8;
        if (all && !(m->dropped[row / 8] & bit)) {
            m->dropped[row / 8] = (unsigned char)(m->dropped[row / 8] | bit);
            m->kept--;
        }
    }
}

static int exclude(struct loader *l, struct matrix *m)
{
    m->kept = m->combinations;
    if (m->in->matrix.exclude_count == 0)
        return 0;
    m->dropped = calloc(m->combinations / 8 + 1, 1);
    unsigned char **matches = calloc(m->count, sizeof *matches);
    int result = m->dropped && matches ? 0 : br_error_nomem(l->err);
    for (size_t e = 0; result == 0 && e < m->in->matrix.exclude_count; e++) {
        result = match_axes(l, m, &m->in->matrix.exclude[e], matches);
        if (result == 0)
            drop_matches(m, matches);
        for (size_t i = 0; i < m->count; i++) {
            free(matches[i]);
            matches[i] = NULL;
        }
    }
    free(matches);
    return result;
}

// ---- Rows

// Adds all combinations: each axis is stored once and repeats.
static int add_repeating(struct loader *l, const struct matrix *m, struct table_builder *b)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct axis *a = &m->axes[i];
        bool keep = table_is_written(&a->values, 0);
        if ((keep ? table_add_written_cells : table_add_cells)(b, a->name, axis_type(a), a->divisor,
                                                               a->length, l->err) != 0)
            return -1;
        for (uint64_t v = 0; v < a->length; v++)
            if (inputs_copy_cell(l, b, &a->values, 0, v) != 0)
                return -1;
    }
    return 0;
}

static int add_included(struct loader *l, const struct axis *a, const struct job_match *match,
                        struct table_builder *b)
{
    const struct job_setting *setting = setting_of(match, a->name);
    struct cell_room cell_room, text_room;
    size_t length;
    if (!setting)
        return table_add_cell(b, inputs_empty_cell(axis_type(a)), l->err);
    struct cell cell = inputs_convert_value(l, &setting->value, a->name, axis_type(a), &cell_room);
    const char *text = job_value_text(&setting->value, &text_room, &length);
    return table_add_written(b, cell, text, length, l->err);
}

// Returns whether a value of the axis must be kept as it was written, also those of `include`.
static bool keeps_text(struct loader *l, const struct matrix *m, const struct axis *a)
{
    if (table_is_written(&a->values, 0))
        return true;
    for (size_t i = 0; i < m->in->matrix.include_count && !inputs_takes(l, a->name); i++) {
        const struct job_setting *setting = setting_of(&m->in->matrix.include[i], a->name);
        struct cell_room cell_room, text_room;
        struct cell cell;
        size_t length;
        if (setting && convert_cell(&setting->value.cell, axis_type(a), &cell_room, &cell) &&
            inputs_must_keep(&cell, job_value_text(&setting->value, &text_room, &length), length))
            return true;
    }
    return false;
}

static int add_stored_axis(struct loader *l, const struct matrix *m, const struct axis *a,
                           uint64_t rows, struct table_builder *b)
{
    if ((keeps_text(l, m, a) ? table_add_written_cells : table_add_cells)(b, a->name, axis_type(a),
                                                                          1, rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < m->combinations; row++) {
        if (m->dropped && m->dropped[row / 8] >> row % 8 & 1)
            continue;
        if (inputs_copy_cell(l, b, &a->values, 0, axis_place(a, row)) != 0)
            return -1;
    }
    for (size_t i = 0; i < m->in->matrix.include_count; i++)
        if (add_included(l, a, &m->in->matrix.include[i], b) != 0)
            return -1;
    return 0;
}

static int add_stored(struct loader *l, struct matrix *m, struct loaded *out)
{
    if (m->combinations > STORED_MAX) {
        diagnostics_add(l->d, BR_ERR_USAGE, m->in->mark, 1, "leave out `exclude` and `include`",
                        "the matrix has %" PRIu64 " combinations; with `exclude` or `include` the "
                        "limit is %d",
                        m->combinations, (int)STORED_MAX);
        return 0;
    }
    if (exclude(l, m) != 0)
        return -1;
    out->rows = m->kept + m->in->matrix.include_count;
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    for (size_t i = 0; i < m->count; i++)
        if (add_stored_axis(l, m, &m->axes[i], out->rows, out->builder) != 0)
            return -1;
    return 0;
}

static int combine(struct loader *l, struct matrix *m, struct loaded *out)
{
    if (m->in->matrix.exclude_count > 0 || m->in->matrix.include_count > 0)
        return add_stored(l, m, out);
    out->rows = m->combinations;
    out->builder = table_builder_create(out->rows, l->err);
    return out->builder ? add_repeating(l, m, out->builder) : -1;
}

int inputs_read_matrix(struct loader *l, const struct job_inputs *in, struct loaded *out)
{
    struct matrix m = {.in = in, .count = in->matrix.axis_count};
    bool sound;
    m.axes = calloc(m.count + 1, sizeof *m.axes);
    if (!m.axes)
        return br_error_nomem(l->err);
    int result = fit_axes(l, &m);
    if (result == 0)
        result = read_axes(l, &m, &sound);
    if (result == 0 && sound)
        result = combine(l, &m, out);
    matrix_finish(&m);
    return result;
}
