// SPDX-License-Identifier: BSD-3-Clause
// Reads inputs that are in files: lines and csv. They are read twice: once to count rows and text
// and to see what the columns are, once to fill a table of exactly that size.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/utf8.h"
#include "inputs/csv.h"
#include "inputs/inputs_private.h"

// ---- Opening

// Returns a path of the job file as it can be opened from here, malloc'd; NULL and *l->err when out
// of memory.
static char *join_path(struct loader *l, const char *path)
{
    struct buffer joined = BUFFER_EMPTY;
    if (path[0] != '/' && strcmp(l->job->directory, ".") != 0)
        buffer_format(&joined, "%s/", l->job->directory);
    buffer_text(&joined, path);
    return buffer_take_string(&joined, l->err);
}

static void add_unreadable(struct loader *l, const struct job_inputs *in, const char *path,
                           const char *cause, const char *hint)
{
    diagnostics_add(l->d, BR_ERR_USAGE, in->mark, 1, hint, "cannot read %s: %s", path, cause);
}

// Copies standard input to memory, so that it can be read twice. Returns a descriptor, or -1 and
// *l->err.
static int spool_standard_input(struct loader *l)
{
    char chunk[16384];
    int fd = memfd_create("batchrun-input", MFD_CLOEXEC);
    if (fd < 0)
        return br_error_errno(l->err, "cannot keep standard input in memory");
    ssize_t got = 0;
    while ((got = fd_read_all(STDIN_FILENO, chunk, sizeof chunk)) > 0) {
        if (fd_write_all(fd, chunk, (size_t)got) != 0) {
            br_error_errno(l->err, "cannot keep standard input in memory");
            fd_close(&fd);
            return -1;
        }
        if (memchr(chunk, '\0', (size_t)got))
            break; // the reader reports the NUL; input with NULs may never end
    }
    if (got < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        br_error_errno(l->err, "cannot read standard input");
        fd_close(&fd);
    }
    return fd;
}

struct input_file {
    char *name; // for messages; malloc'd
    int fd;     // -1 if an error was added
    struct stat before;
};

static int open_regular(struct loader *l, const struct job_inputs *in, struct input_file *f)
{
    // O_NONBLOCK: opening a FIFO without a writer must not block before fstat refuses it.
    f->fd = fd_open(AT_FDCWD, f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (f->fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return br_error_errno(l->err, "cannot open %s", f->name);
    if (f->fd < 0) {
        add_unreadable(l, in, f->name, strerror(errno),
                       errno == ENOENT ? inputs_path_hint(in) : NULL);
        return 0;
    }
    if (fstat(f->fd, &f->before) != 0)
        return br_error_errno(l->err, "cannot read %s", f->name);
    if (!S_ISREG(f->before.st_mode)) {
        add_unreadable(l, in, f->name, "not a regular file", "name a file");
        fd_close(&f->fd);
    }
    return 0;
}

static int open_input(struct loader *l, const struct job_inputs *in, struct input_file *f)
{
    *f = (struct input_file){.fd = -1};
    bool standard = in->kind == INPUT_LINES && !strcmp(in->path, "-");
    f->name = standard ? strdup("standard input") : join_path(l, in->path);
    if (!f->name)
        return standard ? br_error_nomem(l->err) : -1;
    if (!standard)
        return open_regular(l, in, f);
    f->fd = spool_standard_input(l);
    if (f->fd < 0)
        return -1;
    return fstat(f->fd, &f->before) == 0 ? 0 : br_error_errno(l->err, "cannot read %s", f->name);
}

static void close_input(struct input_file *f)
{
    fd_close(&f->fd);
    free(f->name);
    f->name = NULL;
}

// Whether the file was written to since it was opened.
static bool has_changed(const struct input_file *f)
{
    struct stat now;
    return fstat(f->fd, &now) == 0 &&
           (now.st_size != f->before.st_size || now.st_mtim.tv_sec != f->before.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != f->before.st_mtim.tv_nsec);
}

// ---- Columns of a file

struct file_column {
    char *name;
    enum br_type type;                  // BR_TYPE_NONE until it is known
    size_t text_size;                   // sum of the lengths of the fields, in bytes
    bool is_i64, is_f64, is_bool;       // whether every field so far can be read so
    bool keep_i64, keep_f64, keep_bool; // whether a field read so must be kept as it was written
    bool written;                       // that of the column's type
};

struct file_columns {
    struct file_column *items;
    size_t count;
    uint64_t rows;
};

static void finish_columns(struct file_columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->items[i].name);
    free(c->items);
    *c = (struct file_columns){0};
}

// Allocates `count` columns without names. Returns -1 and *l->err when out of memory.
static int make_columns(struct loader *l, struct file_columns *c, size_t count)
{
    *c = (struct file_columns){.items = calloc(count, sizeof *c->items), .count = count};
    if (c->items)
        return 0;
    c->count = 0;
    return br_error_nomem(l->err);
}

static int name_column(struct loader *l, struct file_column *c, const char *name,
                       enum br_type natural)
{
    c->name = strdup(name);
    if (!c->name)
        return br_error_nomem(l->err);
    c->type = inputs_wanted_type(l, name, natural);
    c->is_i64 = c->is_f64 = c->is_bool = true;
    return 0;
}

// Returns whether the field can be read as the type; *keep is set if it must then be kept as it was
// written.
static bool converts(const struct csv_field *field, enum br_type type, struct cell *out, bool *keep)
{
    struct cell in = {.type = BR_STR, .text = {field->data, field->length}};
    struct cell_room text;
    if (!convert_cell(&in, type, &text, out))
        return false;
    *keep = *keep || inputs_must_keep(out, field->data, field->length);
    return true;
}

static void look_at(struct file_column *c, const struct csv_field *field)
{
    struct cell cell;
    c->text_size += field->length;
    if (c->type != BR_TYPE_NONE)
        return;
    // An integer is a number too; checking for a number takes longer.
    c->is_i64 = c->is_i64 && converts(field, BR_I64, &cell, &c->keep_i64);
    if (c->is_i64 && (field->length > 15 || c->keep_i64)) { // else the text is the same for both
        cell = (struct cell){.type = BR_F64, .f64 = (double)cell.i64};
        c->keep_f64 = c->keep_f64 || inputs_must_keep(&cell, field->data, field->length);
    } else if (!c->is_i64)
        c->is_f64 = c->is_f64 && converts(field, BR_F64, &cell, &c->keep_f64);
    c->is_bool = c->is_bool && converts(field, BR_BOOL, &cell, &c->keep_bool);
}

static void settle_types(struct file_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        struct file_column *c = &columns->items[i];
        if (c->type != BR_TYPE_NONE)
            continue;
        c->type = columns->rows == 0 ? BR_STR
                  : c->is_i64        ? BR_I64
                  : c->is_f64        ? BR_F64
                  : c->is_bool       ? BR_BOOL
                                     : BR_STR;
        c->written = (c->type == BR_I64 && c->keep_i64) || (c->type == BR_F64 && c->keep_f64) ||
                     (c->type == BR_BOOL && c->keep_bool);
    }
}

// Adds an error in the file itself (BR_ERR_USAGE) to the diagnostics and returns 0. Returns -1 and
// *l->err for any other.
static int take_error(struct loader *l, const br_error *cause)
{
    if (cause->kind == BR_ERR_USAGE) {
        diagnostics_add_plain(l->d, BR_ERR_USAGE, "%s", cause->text);
        return 0;
    }
    if (l->err)
        *l->err = *cause;
    return -1;
}

// Counts the remaining rows of the file. Rows of the wrong length are errors and are not counted.
static int count_rows(struct loader *l, struct csv_reader *r, const char *name,
                      struct file_columns *columns)
{
    const struct csv_field *fields;
    size_t count;
    int got;
    br_error cause;
    while ((got = csv_next(r, &fields, &count, &cause)) == 1 && !inputs_gave_up(l)) {
        if (count != columns->count) {
            diagnostics_add_plain(l->d, BR_ERR_USAGE,
                                  "%s:%" PRIu64 ": %zu field%s, but the header has %zu", name,
                                  csv_line(r), count, count == 1 ? "" : "s", columns->count);
            continue;
        }
        for (size_t i = 0; i < count; i++)
            look_at(&columns->items[i], &fields[i]);
        columns->rows++;
    }
    settle_types(columns);
    return got < 0 ? take_error(l, &cause) : 0;
}

static struct cell convert_field(struct loader *l, const struct csv_reader *r, const char *name,
                                 const struct file_column *c, const struct csv_field *field,
                                 struct cell_room *text)
{
    struct cell in = {.type = BR_STR, .text = {field->data, field->length}}, out;
    if (convert_cell(&in, c->type, text, &out))
        return out;
    struct buffer problem = BUFFER_EMPTY;
    diagnostics_add_plain(l->d, BR_ERR_USAGE, "%s:%" PRIu64 ": column `%s`: %s", name, csv_line(r),
                          c->name, convert_problem(&problem, &in, c->type));
    buffer_finish(&problem);
    return inputs_empty_cell(c->type);
}

static int put_fields(struct loader *l, struct csv_reader *r, const char *name,
                      const struct file_columns *columns, struct table_builder *b)
{
    const struct csv_field *fields;
    size_t count;
    int got;
    br_error cause;
    while ((got = csv_next(r, &fields, &count, &cause)) == 1 && !inputs_gave_up(l)) {
        for (size_t i = 0; i < count && count == columns->count; i++) {
            struct cell_room text;
            struct cell cell = convert_field(l, r, name, &columns->items[i], &fields[i], &text);
            if (table_put_written(b, i, cell, fields[i].data, fields[i].length, l->err) != 0)
                return -1;
        }
    }
    // Errors in the file were reported by the first reading.
    return got < 0 && cause.kind != BR_ERR_USAGE ? take_error(l, &cause) : 0;
}

static int fill_table(struct loader *l, const struct input_file *f, enum csv_kind kind,
                      const struct file_columns *columns, struct loaded *out)
{
    out->rows = columns->rows;
    out->builder = table_builder_create(columns->rows, l->err);
    if (!out->builder)
        return -1;
    for (size_t i = 0; i < columns->count; i++) {
        const struct file_column *c = &columns->items[i];
        if (table_add_sized(out->builder, c->name, c->type, c->written, c->text_size, l->err) != 0)
            return -1;
    }
    if (lseek(f->fd, 0, SEEK_SET) != 0)
        return br_error_errno(l->err, "cannot read %s again", f->name);
    struct csv_reader *r = csv_create(f->fd, f->name, kind, l->err);
    if (!r)
        return -1;
    const struct csv_field *header;
    size_t count;
    int result = 0;
    if (kind == CSV_RECORDS && csv_next(r, &header, &count, l->err) < 0)
        result = -1;
    if (result == 0)
        result = put_fields(l, r, f->name, columns, out->builder);
    csv_destroy(r);
    if (has_changed(f)) {
        diagnostics_add_plain(l->d, BR_ERR_USAGE, "%s changed while it was read", f->name);
        return 0;
    }
    return result;
}

// ---- Lines

static int read_lines(struct loader *l, const struct input_file *f, const char *name,
                      struct loaded *out)
{
    struct file_columns columns;
    if (make_columns(l, &columns, 1) != 0)
        return -1;
    int result = name_column(l, &columns.items[0], name, BR_STR);
    struct csv_reader *r = result == 0 ? csv_create(f->fd, f->name, CSV_LINES, l->err) : NULL;
    if (!r)
        result = -1;
    if (result == 0)
        result = count_rows(l, r, f->name, &columns);
    csv_destroy(r);
    if (result == 0)
        result = fill_table(l, f, CSV_LINES, &columns, out);
    finish_columns(&columns);
    return result;
}

int inputs_read_lines(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out)
{
    const char *name = axis ? axis : "line";
    struct input_file f;
    if (!axis)
        inputs_fit_columns(l, &name, 1);
    int result = open_input(l, in, &f);
    if (result == 0 && f.fd >= 0)
        result = read_lines(l, &f, name, out);
    close_input(&f);
    return result;
}

// ---- CSV

// Reports a character in a column's name that nobody sees: the name would equal no other that looks
// the same.
static void check_unseen(struct loader *l, const struct input_file *f, uint64_t line, size_t column,
                         const char *name)
{
    size_t at;
    uint32_t c = utf8_find_unseen(name, strlen(name), &at);
    if (c == 0)
        return;
    size_t position = utf8_width(name, at) + 1;
    diagnostics_add_plain(l->d, BR_ERR_USAGE,
                          "%s:%" PRIu64 ": column %zu, `%s`, has %s (U+%04" PRIX32
                          ") as character %zu of its name; remove it from the header",
                          f->name, line, column, name, utf8_unseen_name(c), c, position);
}

static bool check_header(struct loader *l, const struct input_file *f, uint64_t line,
                         const struct file_columns *columns)
{
    size_t before = l->d->count;
    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->items[i].name;
        if (!*name)
            diagnostics_add_plain(l->d, BR_ERR_USAGE,
                                  "%s:%" PRIu64 ": column %zu has no name in the header", f->name,
                                  line, i + 1);
        check_unseen(l, f, line, i + 1, name);
        for (size_t other = 0; *name && other < i; other++)
            if (!strcmp(name, columns->items[other].name))
                diagnostics_add_plain(l->d, BR_ERR_USAGE,
                                      "%s:%" PRIu64 ": column `%s` appears twice in the header",
                                      f->name, line, name);
    }
    return l->d->count == before;
}

static int fit_header(struct loader *l, const struct file_columns *columns)
{
    const char **names = calloc(columns->count, sizeof *names);
    if (!names)
        return br_error_nomem(l->err);
    for (size_t i = 0; i < columns->count; i++)
        names[i] = columns->items[i].name;
    inputs_fit_columns(l, names, columns->count);
    free(names);
    return 0;
}

// Reads the names of the columns; *columns has none after an error.
static int read_header(struct loader *l, const struct job_inputs *in, struct csv_reader *r,
                       const struct input_file *f, const char *axis, struct file_columns *columns)
{
    const struct csv_field *fields;
    size_t count;
    br_error cause;
    int got = csv_next(r, &fields, &count, &cause);
    if (got < 0)
        return take_error(l, &cause);
    const char *wrong = got == 0 ? "it is empty; expected a header with the columns' names"
                        : axis && count != 1 ? "an axis takes one column, but the file has several"
                        : count > SCHEMA_MAX ? "it has more than 4096 columns"
                                             : NULL;
    if (wrong) {
        add_unreadable(l, in, f->name, wrong, NULL);
        return 0;
    }
    if (make_columns(l, columns, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (name_column(l, &columns->items[i], axis ? axis : fields[i].data, BR_TYPE_NONE) != 0)
            return -1;
    if (!check_header(l, f, csv_line(r), columns)) {
        finish_columns(columns);
        return 0;
    }
    return axis ? 0 : fit_header(l, columns);
}

static int read_csv(struct loader *l, const struct job_inputs *in, const struct input_file *f,
                    const char *axis, struct loaded *out)
{
    struct file_columns columns = {0};
    struct csv_reader *r = csv_create(f->fd, f->name, CSV_RECORDS, l->err);
    if (!r)
        return -1;
    int result = read_header(l, in, r, f, axis, &columns);
    if (result == 0 && columns.count > 0)
        result = count_rows(l, r, f->name, &columns);
    csv_destroy(r);
    if (result == 0 && columns.count > 0)
        result = fill_table(l, f, CSV_RECORDS, &columns, out);
    finish_columns(&columns);
    return result;
}

int inputs_read_csv(struct loader *l, const struct job_inputs *in, const char *axis,
                    struct loaded *out)
{
    struct input_file f;
    int result = open_input(l, in, &f);
    if (result == 0 && f.fd >= 0)
        result = read_csv(l, in, &f, axis, out);
    close_input(&f);
    return result;
}
