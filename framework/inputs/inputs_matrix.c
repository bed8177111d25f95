// SPDX-License-Identifier: BSD-3-Clause
// Every combination of the axes' values, the last axis fastest; less what `exclude` matches, and
// then the rows of `include`.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inputs/inputs_load.h"
#include "model/table_builder.h"

enum {
    // Combinations that are stored because some are left out or added.
    STORED_MAX = 1000 * 1000 * 1000
};

struct axis {
    const char *name;
    struct buffer image;
    struct table values; // one column
    uint64_t length;
    uint64_t divisor; // combinations of the axes behind it
};

struct matrix {
    const struct job_inputs *in;
    struct axis *axes;
    size_t count;
    uint64_t combinations;
    uint64_t kept;          // that no row of `exclude` matches
    unsigned char *dropped; // a bit a combination; NULL: none
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

// Reads one axis; false in *sound after mistakes.
static int read_axis(struct loader *l, const struct job_axis *from, struct axis *a, bool *sound)
{
    struct loaded loaded = {0};
    size_t before = l->d->count;
    a->name = from->name;
    int result = load_inputs(l, from->values, from->name, &loaded);
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
    fit_columns(l, names, m->count);
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

// For each axis, which of its values the row of `exclude` matches: one byte a value, NULL where it
// does not name the axis.
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
        struct convert_text text;
        size_t before = l->d->count;
        struct cell want = convert_value(l, &setting->value, a->name, axis_type(a), &text);
        for (uint64_t v = 0; l->d->count == before && v < a->length; v++) {
            struct cell cell = table_cell(&a->values, 0, v);
            matches[i][v] = cells_equal(&cell, &want);
        }
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

// All combinations: an axis is stored once and repeats.
static int add_repeating(struct loader *l, const struct matrix *m, struct table_builder *b)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct axis *a = &m->axes[i];
        if (table_add_cells(b, a->name, axis_type(a), a->divisor, a->length, l->err) != 0)
            return -1;
        for (uint64_t v = 0; v < a->length; v++)
            if (table_add_cell(b, table_cell(&a->values, 0, v), l->err) != 0)
                return -1;
    }
    return 0;
}

static int add_stored_axis(struct loader *l, const struct matrix *m, const struct axis *a,
                           uint64_t rows, struct table_builder *b)
{
    if (table_add_cells(b, a->name, axis_type(a), 1, rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < m->combinations; row++) {
        if (m->dropped && m->dropped[row / 8] >> row % 8 & 1)
            continue;
        if (table_add_cell(b, table_cell(&a->values, 0, axis_place(a, row)), l->err) != 0)
            return -1;
    }
    for (size_t i = 0; i < m->in->matrix.include_count; i++) {
        const struct job_setting *setting = setting_of(&m->in->matrix.include[i], a->name);
        struct convert_text text;
        struct cell cell = setting ? convert_value(l, &setting->value, a->name, axis_type(a), &text)
                                   : empty_cell(axis_type(a));
        if (table_add_cell(b, cell, l->err) != 0)
            return -1;
    }
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

int load_matrix(struct loader *l, const struct job_inputs *in, struct loaded *out)
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
