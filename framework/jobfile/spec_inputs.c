// SPDX-License-Identifier: BSD-3-Clause
// Reads the `inputs` of a phase.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jobfile/spec_messages.h"
#include "jobfile/spec_reader.h"
#include "jobfile/spec_readers.h"
#include "jobfile/spec_scalar.h"
#include "jobfile/spec_value.h"

#include "base/decimal.h"

enum {
    COLUMN_NAME_MAX = 255
};

static bool check_column_name(struct reader *r, const struct node *at, const char *text)
{
    size_t length = strlen(text);
    if (length == 0)
        spec_complain(r, at, NULL, "a column without a name");
    else if (length > COLUMN_NAME_MAX)
        spec_complain(r, at, NULL, "a column's name of %zu bytes; the limit is %d", length,
                      COLUMN_NAME_MAX);
    else if (!strcmp(text, "index"))
        spec_complain(r, at, "choose another name",
                      "no column can be called `index`: result files begin with the task's index");
    else
        return true;
    return false;
}

void spec_read_column_name(struct reader *r, const struct spec_key *key, struct node *value,
                           void *field)
{
    const char *text = spec_read_text(r, key, value);
    if (text && check_column_name(r, value, text))
        *(char **)field = spec_keep_text(r, text);
}

// ---- range

void spec_read_range_number(struct reader *r, const struct spec_key *key, struct node *value,
                            void *field)
{
    struct job_number *out = field;
    struct cell cell;
    struct decimal number;
    if (!spec_read_number(r, key, value, &cell))
        return;
    if (cell.type == BR_F64 && !isfinite(cell.f64)) {
        spec_complain_type(r, key, value);
        return;
    }
    char whole[DECIMAL_MAX]; // 0x1F is not decimal
    size_t length = cell.type == BR_I64 ? decimal_i64(whole, cell.i64) : value->length;
    if (!decimal_read(cell.type == BR_I64 ? whole : value->text, length, &number))
        spec_complain(r, value, "write fewer digits", "`%s` has more than %d digits", key->name,
                      DECIMAL_DIGITS);
    else
        *out = (struct job_number){
            .value = number, .is_f64 = cell.type == BR_F64, .mark = value->mark};
}

static void check_range(struct reader *r, struct node *range, struct job_inputs *inputs)
{
    struct node *step_node = spec_node_get(range, "step");
    const struct node *at = step_node ? step_node : range;
    struct job_range_digits digits;
    bool down = inputs->range.step.value.digits < 0;
    if (inputs->range.step.value.digits == 0)
        spec_complain(r, at, "for example `step: 1`", "a range with `step: 0` never ends");
    else if (!job_range_digits(inputs, &digits))
        spec_complain(r, at, "write fewer digits, or numbers of similar size",
                      "the range needs more than %d digits to be exact", DECIMAL_DIGITS);
    else if (job_range_rows(inputs) != JOB_UNLIMITED)
        return;
    else if (down != (digits.stop < digits.start))
        spec_complain(r, at,
                      down        ? "make `step` positive"
                      : step_node ? "make `step` negative"
                                  : "add a negative `step`",
                      "the range never gets from `start` to `stop`: its step goes the other way");
    else
        spec_complain(r, at, "make `step` larger, or split the job",
                      "the range has more than 2^53 rows");
}

static void read_range_mapping(struct reader *r, const struct spec_key *key, struct node *value,
                               struct job_inputs *inputs)
{
    size_t before = r->d->count;
    spec_read_table(r, key->table, "`range`", value, NULL, inputs);
    inputs->range.is_f64 =
        inputs->range.start.is_f64 || inputs->range.stop.is_f64 || inputs->range.step.is_f64;
    if (r->d->count == before)
        check_range(r, value, inputs);
}

void spec_read_range(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_inputs *inputs = field;
    struct cell cell;
    inputs->kind = INPUT_RANGE;
    inputs->range.step.value.digits = 1;
    if (value->kind == NODE_MAPPING)
        read_range_mapping(r, key, value, inputs);
    else if (!spec_read_number(r, key, value, &cell))
        return;
    else if (cell.type != BR_I64 || cell.i64 < 0)
        spec_complain(r, value,
                      cell.type == BR_I64 ? "for example `range: 1000`"
                                          : "for example `range: {start: 0, stop: 1, step: 0.1}`",
                      "`range` is %s; expected a whole number of rows", spec_describe(r, value));
    else if (cell.i64 > JOB_ROWS_MAX)
        spec_complain(r, value, "split the job", "the range has more than 2^53 rows");
    else
        inputs->range.stop = (struct job_number){.value.digits = cell.i64, .mark = value->mark};
    if (!inputs->range.as)
        inputs->range.as = spec_keep_text(r, "i");
}

// ---- list

static bool grid_alloc(struct reader *r, struct job_grid *grid, size_t columns, size_t rows)
{
    grid->names = spec_keep_items(r, columns, sizeof grid->names[0]);
    if (rows > 0)
        grid->values = spec_keep_items(r, columns * rows, sizeof grid->values[0]);
    if (!grid->names || (rows > 0 && !grid->values))
        return false;
    grid->columns = columns;
    grid->rows = rows;
    return true;
}

// Reads a list by columns: {r: [1, 2, 3], unit: [cm, cm, mm]}.
static void read_columns(struct reader *r, struct node *value, struct job_grid *grid)
{
    const struct node *first = value->first;
    for (const struct node *column = first; column; column = column->next) {
        check_column_name(r, column->key, column->key->text);
        if (column->kind != NODE_LIST) {
            spec_complain(r, column, "put its values in brackets: [1, 2, 3]",
                          "column `%s` is %s; expected a list of values", column->key->text,
                          spec_describe(r, column));
            return;
        }
        if (column->count != first->count) {
            spec_complain(r, column->key, "give every column a value for every row",
                          "column `%s` has %zu values, `%s` has %zu", column->key->text,
                          column->count, first->key->text, first->count);
            return;
        }
    }
    if (!grid_alloc(r, grid, value->count, first->count))
        return;
    size_t c = 0;
    for (const struct node *column = first; column; column = column->next, c++) {
        grid->names[c] = spec_keep_text(r, column->key->text);
        struct job_value *cell = &grid->values[c];
        for (const struct node *item = column->first; item; item = item->next) {
            spec_read_value(r, column->key->text, item, cell);
            cell += item->next ? grid->columns : 0;
        }
    }
}

// Returns the cell of column `name`, or NULL. Most rows have their columns in the same order, so
// the cell at the same position, `guess`, is tried first.
static struct node *get_cell(const struct node *row, struct node *guess, const char *name)
{
    return guess && spec_node_is(guess->key, name) ? guess : spec_node_get(row, name);
}

static bool check_row(struct reader *r, const struct node *row, const struct node *first)
{
    if (row->kind != NODE_MAPPING) {
        spec_complain(r, row, "write every row as {column: value}",
                      "a row of `list` is %s; expected a mapping", spec_describe(r, row));
        return false;
    }
    struct node *guess = first->first;
    for (const struct node *cell = row->first; cell; cell = cell->next) {
        if (!get_cell(first, guess, cell->key->text)) {
            spec_complain(r, cell->key, "give every row the same columns",
                          "the first row has no column `%s`", cell->key->text);
            return false;
        }
        guess = guess ? guess->next : NULL;
    }
    // A row with as many keys as the first row lacks none, unless a key is given twice.
    for (const struct node *cell = row->count < first->count ? first->first : NULL; cell;
         cell = cell->next)
        if (!spec_node_get(row, cell->key->text)) {
            spec_complain(r, row, "give every row the same columns", "this row has no column `%s`",
                          cell->key->text);
            return false;
        }
    return true;
}

// Reads a list by rows: [{r: 1, unit: cm}, {r: 2, unit: cm}].
static void read_rows(struct reader *r, struct node *value, struct job_grid *grid)
{
    const struct node *first = value->first;
    if (first->kind == NODE_SCALAR) {
        spec_complain(r, value, "name the column: `list: {x: [...]}`",
                      "the values of `list` belong to no column");
        return;
    }
    bool good = true;
    for (const struct node *row = first; row; row = row->next)
        good = (first->kind == NODE_MAPPING || row == first) && check_row(r, row, first) && good;
    for (const struct node *cell = good ? first->first : NULL; cell; cell = cell->next)
        check_column_name(r, cell->key, cell->key->text);
    if (good && first->count == 0)
        spec_complain(r, first, "for example {r: 1}", "a row without columns");
    if (!good || first->count == 0 || !grid_alloc(r, grid, first->count, value->count))
        return;
    struct job_value *at = grid->values;
    for (const struct node *row = first; row; row = row->next) {
        size_t c = 0;
        struct node *guess = row->first;
        for (const struct node *cell = first->first; cell; cell = cell->next, c++) {
            const char *name = cell->key->text;
            if (row == first)
                grid->names[c] = spec_keep_text(r, name);
            const struct node *found = get_cell(row, guess, name);
            if (found) // else another key is given twice, which was reported
                spec_read_value(r, name, found, at);
            at++;
            guess = guess ? guess->next : NULL;
        }
    }
}

void spec_read_list(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_inputs *inputs = field;
    inputs->kind = INPUT_LIST;
    size_t columns = value->kind == NODE_LIST && value->first ? value->first->count : value->count;
    if (value->kind == NODE_SCALAR)
        spec_complain_type(r, key, value);
    else if (value->count == 0)
        spec_complain(r, value, "for example `list: {r: [1, 2, 3]}`", "`list` is empty");
    else if (columns > SCHEMA_MAX)
        spec_complain(r, value, NULL, "`list` has %zu columns; the limit is %d", columns,
                      SCHEMA_MAX);
    else if (value->kind == NODE_MAPPING)
        read_columns(r, value, &inputs->list);
    else
        read_rows(r, value, &inputs->list);
}

// ---- Files

static void read_path(struct reader *r, const struct spec_key *key, struct node *value,
                      struct job_inputs *inputs, enum job_input_kind kind)
{
    inputs->kind = kind;
    const char *text = spec_read_text(r, key, value);
    if (!text)
        return;
    if (!strcmp(text, "-") && kind != INPUT_LINES)
        spec_complain(r, value, "write `lines: \"-\"`, or name a file",
                      "only `lines` can read standard input");
    else
        inputs->path = spec_keep_text(r, text);
}

void spec_read_lines(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    read_path(r, key, value, field, INPUT_LINES);
}

void spec_read_csv(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    read_path(r, key, value, field, INPUT_CSV);
}

// Returns whether the pattern has a ** that is only a part of a name, as in data/**.csv.
static bool has_stars_in_name(const char *pattern)
{
    for (const char *at = pattern; *at;) {
        const char *bracket = *at == '[' && at[1] ? strchr(at + 2, ']') : NULL;
        if (*at == '\\' && at[1])
            at += 2;
        else if (bracket)
            at = bracket + 1;
        else if (at[0] == '*' && at[1] == '*') {
            if ((at > pattern && at[-1] != '/') || (at[2] != '/' && at[2] != '\0'))
                return true;
            at += 2;
        } else
            at++;
    }
    return false;
}

void spec_read_glob(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_inputs *inputs = field;
    read_path(r, key, value, field, INPUT_GLOB);
    if (inputs->path && has_stars_in_name(inputs->path))
        spec_complain(r, value, "for example `data/**/*.csv`",
                      "`**` stands for directories, so it must be a whole part of the path");
}

void spec_read_from(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_inputs *inputs = field;
    inputs->kind = INPUT_FROM; // spec_references.c finds the phase
    spec_read_text(r, key, value);
}

// ---- matrix

static bool is_match_list(const struct node *value)
{
    return spec_node_is(value->key, "exclude") || spec_node_is(value->key, "include");
}

static void read_axis_list(struct reader *r, const char *name, const struct node *value,
                           struct job_inputs *inputs)
{
    inputs->kind = INPUT_LIST;
    if (value->count == 0) {
        spec_complain(r, value, "write at least one: [1]", "axis `%s` has no values", name);
        return;
    }
    if (!grid_alloc(r, &inputs->list, 1, value->count))
        return;
    inputs->list.names[0] = spec_keep_text(r, name);
    struct job_value *at = inputs->list.values;
    for (const struct node *item = value->first; item; item = item->next)
        spec_read_value(r, name, item, at++);
}

// `table` has the kinds of inputs that an axis can have.
static void read_axis(struct reader *r, const struct spec_table *table, struct node *value,
                      struct job_axis *axis)
{
    const char *name = value->key->text;
    axis->mark = value->key->mark;
    check_column_name(r, value->key, name);
    axis->name = spec_keep_text(r, name);
    axis->values = spec_keep_items(r, 1, sizeof *axis->values);
    if (!axis->name || !axis->values)
        return;
    axis->values->mark = value->mark;
    if (value->kind == NODE_LIST) {
        read_axis_list(r, name, value, axis->values);
    } else if (value->kind == NODE_SCALAR) {
        spec_complain(r, value, "put its values in brackets: [1, 2]",
                      "axis `%s` is %s; expected a list", name, spec_describe(r, value));
    } else {
        const struct node *as = spec_node_get(spec_node_get(value, "range"), "as");
        if (as)
            spec_complain(r, as->key, "leave `as` out", "the axis already names the column: `%s`",
                          name);
        spec_read_table(r, table, spec_tree_format(&r->tree, "axis `%s`", name), value, NULL,
                        axis->values);
        if (axis->values->kind == INPUT_RANGE) {
            free(axis->values->range.as);
            axis->values->range.as = spec_keep_text(r, name);
        }
    }
}

static const char *nearest_axis(struct reader *r, const struct job_inputs *inputs, const char *text)
{
    const char *words[64];
    size_t count = 0;
    for (; count < inputs->matrix.axis_count && count < sizeof words / sizeof words[0]; count++)
        words[count] = inputs->matrix.axes[count].name ? inputs->matrix.axes[count].name : "";
    return spec_did_you_mean(r, text, words, count);
}

// Reads one row of `exclude`, or (`every`) of `include`, which must name every axis.
static void read_match(struct reader *r, struct node *row, bool every, const struct node *matrix,
                       const struct job_inputs *inputs, struct job_match *match)
{
    static const struct spec_key row_key = {.name = "row", .type = SPEC_SETTINGS};
    match->mark = row->mark;
    if (row->kind != NODE_MAPPING || row->count == 0) {
        spec_complain(r, row, "write every row as {axis: value}",
                      "a row here is %s; expected a mapping of axes to values",
                      row->kind == NODE_MAPPING ? "empty" : spec_describe(r, row));
        return;
    }
    for (const struct node *cell = row->first; cell; cell = cell->next)
        if (!spec_node_get(matrix, cell->key->text) || is_match_list(cell))
            spec_complain(r, cell->key, nearest_axis(r, inputs, cell->key->text),
                          "the matrix has no axis `%s`", cell->key->text);
    for (const struct node *axis = every ? matrix->first : NULL; axis; axis = axis->next)
        if (!is_match_list(axis) && !spec_node_get(row, axis->key->text)) {
            spec_complain(r, row, spec_tree_format(&r->tree, "add `%s: ...`", axis->key->text),
                          "a row to include has no value for axis `%s`", axis->key->text);
            break;
        }
    spec_read_key(r, &row_key, row, &match->columns);
}

static void read_matches(struct reader *r, struct node *value, const struct node *matrix,
                         struct job_inputs *inputs)
{
    const char *name = value->key->text;
    bool include = !strcmp(name, "include");
    if (value->kind != NODE_LIST || (value->first && value->first->kind != NODE_MAPPING)) {
        spec_complain(r, value, spec_tree_format(&r->tree, "for example `%s: [{r: 1}]`", name),
                      "`%s` of a matrix is not an axis: it is a list of rows to %s", name, name);
        return;
    }
    struct job_match *matches = spec_keep_items(r, value->count, sizeof *matches);
    if (!matches)
        return;
    size_t count = 0;
    for (struct node *row = value->first; row; row = row->next)
        read_match(r, row, include, matrix, inputs, &matches[count++]);
    if (include) {
        inputs->matrix.include = matches;
        inputs->matrix.include_count = count;
    } else {
        inputs->matrix.exclude = matches;
        inputs->matrix.exclude_count = count;
    }
}

// Returns the number of rows of an axis, or 1 if it depends on a file.
static uint64_t axis_rows(const struct job_inputs *values)
{
    if (values && values->kind == INPUT_LIST)
        return values->list.rows;
    return values && values->kind == INPUT_RANGE ? job_range_rows(values) : 1;
}

static void check_matrix_rows(struct reader *r, const struct node *value,
                              const struct job_inputs *inputs)
{
    uint64_t rows = 1;
    for (size_t i = 0; i < inputs->matrix.axis_count; i++) {
        uint64_t axis = axis_rows(inputs->matrix.axes[i].values);
        if (axis == JOB_UNLIMITED) // already reported
            return;
        if (__builtin_mul_overflow(rows, axis, &rows) || rows > JOB_ROWS_MAX) {
            spec_complain(r, value, "split the job", "the matrix has more than 2^53 rows");
            return;
        }
    }
}

void spec_read_matrix(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_inputs *inputs = field;
    inputs->kind = INPUT_MATRIX;
    if (value->kind != NODE_MAPPING) {
        spec_complain_type(r, key, value);
        return;
    }
    if (value->count > SCHEMA_MAX) {
        spec_complain(r, value, NULL, "the matrix has %zu axes; the limit is %d", value->count,
                      SCHEMA_MAX);
        return;
    }
    inputs->matrix.axes = spec_keep_items(r, value->count, sizeof inputs->matrix.axes[0]);
    for (struct node *axis = value->first; axis && inputs->matrix.axes; axis = axis->next)
        if (!is_match_list(axis))
            read_axis(r, key->table, axis, &inputs->matrix.axes[inputs->matrix.axis_count++]);
    if (inputs->matrix.axis_count == 0)
        spec_complain(r, value, "for example `r: [1, 2]`", "the matrix has no axis");
    for (struct node *list = value->first; list; list = list->next)
        if (is_match_list(list) && spec_node_get(value, list->key->text) == list)
            read_matches(r, list, value, inputs);
    check_matrix_rows(r, value, inputs);
}

// ---- The whole

// Returns a hint for inputs that are not a mapping, such as `inputs: params.csv`.
static const char *inputs_hint(struct reader *r, const struct node *value)
{
    struct cell cell;
    if (value->kind == NODE_LIST)
        return "name the column: `inputs: {list: {x: [...]}}`";
    enum scalar_kind kind = spec_scalar_resolve(value, &cell);
    if (kind == SCALAR_INTEGER)
        return spec_tree_format(&r->tree, "write `inputs: {range: %s}`", value->text);
    if (kind != SCALAR_TEXT || value->length == 0 || value->length > 80)
        return "for example `inputs: {range: 1000}`";
    if (strpbrk(value->text, "(){}[],"))
        return "for example `inputs: {range: 1000}`";
    const char *kind_name = strchr(value->text, '*')                                 ? "glob"
                            : strlen(value->text) > 4 && strstr(value->text, ".csv") ? "csv"
                            : strchr(value->text, '.')                               ? "lines"
                                                                                     : "from";
    return spec_tree_format(&r->tree, "write `inputs: {%s: %s}`", kind_name, value->text);
}

void spec_read_inputs(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_inputs *inputs = field;
    inputs->mark = value->mark;
    if (value->kind == NODE_MAPPING)
        spec_read_table(r, key->table, "`inputs`", value, NULL, inputs);
    else
        spec_complain(r, value, inputs_hint(r, value), "`%s` is %s; expected a mapping", key->name,
                      spec_describe(r, value));
}
