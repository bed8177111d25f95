// SPDX-License-Identifier: BSD-3-Clause
#include "run/check_files.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/command_line.h"
#include "model/table.h"

// A file, however its path is spelt.
struct identity {
    bool exists;
    dev_t device; // of an existing file
    ino_t inode;
    char *place; // of a file that does not exist: its resolved directory, and its name
};

struct written {
    size_t phase;
    char *path; // as it can be opened from here
    struct identity identity;
    size_t reported; // the last phase that was reported to read it, counted from 1; 0: none
};

struct check {
    const struct prepared *p;
    struct diagnostics *d;
    br_error *err;
    struct written *written; // one for each phase with a result file of its own
    size_t count;
    bool any_exists; // any of them does
    bool *before;    // of the phase that is looked at: which phases end before it starts
    bool failed;     // out of memory
};

// ---- Identity

// Returns the resolved directory of `path`, a slash and the last part of it. NULL if the directory
// does not exist, and when out of memory.
static char *resolve_missing(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    char *real = directory ? realpath(directory, NULL) : NULL;
    char *place = real ? malloc(strlen(real) + strlen(name) + 2) : NULL;
    if (place)
        stpcpy(stpcpy(stpcpy(place, real), "/"), name);
    free(directory);
    free(real);
    return place;
}

static struct identity identify(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return (struct identity){.exists = true, .device = st.st_dev, .inode = st.st_ino};
    return (struct identity){.place = resolve_missing(path)};
}

static bool is_same_file(const struct identity *a, const struct identity *b)
{
    if (a->exists || b->exists)
        return a->exists && b->exists && a->device == b->device && a->inode == b->inode;
    return a->place && b->place && strcmp(a->place, b->place) == 0;
}

// Returns a path of the job file as it can be opened from here. The caller frees it.
static char *join(struct check *c, const char *path)
{
    struct buffer joined = BUFFER_EMPTY;
    if (path[0] != '/' && strcmp(c->p->job->directory, ".") != 0)
        buffer_format(&joined, "%s/", c->p->job->directory);
    buffer_text(&joined, path);
    char *text = buffer_take_string(&joined, c->err);
    c->failed |= !text;
    return text;
}

// ---- What is written

static void complain(struct check *c, const struct written *w, const char *what)
{
    const struct job_phase *phase = &c->p->job->phases[w->phase];
    diagnostics_add(c->d, BR_ERR_USAGE, phase->output_mark, strlen(phase->output),
                    "choose another file", "phase `%s` would write over %s", phase->name, what);
}

// Reports a file that phase `reader` reads, once for each reader.
static void complain_read(struct check *c, struct written *w, const char *path, size_t reader)
{
    struct buffer what = BUFFER_EMPTY;
    if (w->reported == reader + 1)
        return;
    w->reported = reader + 1;
    if (w->phase == reader)
        buffer_format(&what, "%s, which it reads", path);
    else
        buffer_format(&what, "%s, which phase `%s` reads", path, c->p->job->phases[reader].name);
    char *text = buffer_take_string(&what, c->err);
    if (text)
        complain(c, w, text);
    c->failed |= !text;
    free(text);
}

static void add_written(struct check *c, size_t phase)
{
    const char *output = c->p->job->phases[phase].output;
    if (!output || strcmp(output, "-") == 0)
        return;
    char *path = join(c, output);
    if (!path)
        return;
    struct written *w = &c->written[c->count++];
    *w = (struct written){.phase = phase, .path = path, .identity = identify(path)};
    c->any_exists |= w->identity.exists;
    for (size_t i = 0; i + 1 < c->count; i++) {
        const struct job_phase *other = &c->p->job->phases[c->written[i].phase];
        if (is_same_file(&w->identity, &c->written[i].identity)) {
            diagnostics_add(c->d, BR_ERR_USAGE, c->p->job->phases[phase].output_mark,
                            strlen(output), "give each its own file",
                            "phases `%s` and `%s` both write to %s (`%.64s` is the same file)",
                            other->name, c->p->job->phases[phase].name, path, other->output);
            return;
        }
    }
}

// ---- What is read

static bool may_write(const struct check *c, const struct written *w, size_t reader)
{
    return w->phase != reader && c->before[w->phase];
}

// Compares a file that the phase reads with all that are written.
static void add_read(struct check *c, size_t reader, const char *path)
{
    struct identity file = identify(path);
    for (size_t i = 0; i < c->count; i++)
        if (is_same_file(&file, &c->written[i].identity) && !may_write(c, &c->written[i], reader))
            complain_read(c, &c->written[i], path, reader);
    free(file.place);
}

// Appends text so that fnmatch takes it for nothing but itself.
static void append_literally(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            buffer_char(out, '\\');
        buffer_char(out, *text);
    }
}

// Returns the pattern with the directories before its first wildcard resolved, as identities have
// them. The caller frees it. NULL if there is no such directory, and when out of memory.
static char *resolve_pattern(struct check *c, const char *pattern)
{
    size_t rest = strcspn(pattern, "*?[\\");
    while (rest > 0 && pattern[rest - 1] != '/')
        rest--;
    char *directory = rest > 0 ? strndup(pattern, rest) : strdup(".");
    char *real = directory ? realpath(directory, NULL) : NULL;
    struct buffer out = BUFFER_EMPTY;
    if (real)
        append_literally(&out, real);
    buffer_char(&out, '/');
    buffer_text(&out, pattern + rest);
    char *text = real ? buffer_take_string(&out, c->err) : NULL;
    c->failed |= real && !text;
    if (!real)
        buffer_finish(&out);
    free(directory);
    free(real);
    return text;
}

static bool matches(const char *pattern, const char *path);

// Returns whether the pattern matches the path, or what follows one of its directories. Those
// before that are not hidden.
static bool matches_below(const char *pattern, const char *path)
{
    for (;;) {
        const char *slash = strchr(path, '/');
        if (matches(pattern, path))
            return true;
        if (!slash || path[0] == '.')
            return false;
        path = slash + 1;
    }
}

// Returns whether a path matches the pattern of a `glob`, in which ** matches directories of any
// depth.
static bool matches(const char *pattern, const char *path)
{
    const int flags = FNM_PATHNAME | FNM_PERIOD;
    const char *stars = pattern;
    while ((stars = strstr(stars, "**")) && stars > pattern && stars[-1] != '/')
        stars++;
    if (!stars)
        return fnmatch(pattern, path, flags) == 0;
    const char *rest = stars + 2 + strspn(stars + 2, "/");
    if (!*rest)
        rest = "*";
    if (stars == pattern)
        return matches_below(rest, path);
    char before[PATH_MAX], start[PATH_MAX];
    snprintf(before, sizeof before, "%.*s", (int)(stars - pattern), pattern);
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(start, sizeof start, "%.*s", (int)(slash + 1 - path), path);
        if (fnmatch(before, start, flags) == 0 && matches_below(rest, slash + 1))
            return true;
    }
    return false;
}

// Compares the pattern with what is written: a file that would match it is read by the next run.
static void add_pattern(struct check *c, size_t reader, const char *pattern)
{
    char *joined = join(c, pattern);
    char *resolved = joined ? resolve_pattern(c, joined) : NULL;
    for (size_t i = 0; resolved && i < c->count; i++) {
        struct written *w = &c->written[i];
        if (!may_write(c, w, reader) && w->identity.place && matches(resolved, w->identity.place))
            complain_read(c, w, "a file that matches a `glob`", reader);
    }
    free(resolved);
    free(joined);
}

// Compares the files that a pattern has matched: those in the phase's column `name`.
static void add_matches(struct check *c, size_t reader, const char *name)
{
    const struct prepared_phase *pp = &c->p->phases[reader];
    struct table table;
    uint64_t step;
    if (!c->any_exists || !pp->loaded ||
        table_open(&table, pp->image.data, pp->image.length, NULL) != 0)
        return;
    int column = table_find(&table, name);
    if (column < 0 || !schema_type_is_text(table_column_type(&table, (size_t)column)))
        return;
    uint64_t cells = table_stored_cells(&table, (size_t)column, &step);
    for (uint64_t i = 0; i < cells; i++)
        add_read(c, reader, table_cell(&table, (size_t)column, i * step).text.data);
}

static void add_inputs(struct check *c, size_t reader, const struct job_inputs *in,
                       const char *column)
{
    if (in->kind == INPUT_CSV || (in->kind == INPUT_LINES && strcmp(in->path, "-") != 0)) {
        char *path = join(c, in->path);
        if (path)
            add_read(c, reader, path);
        free(path);
    } else if (in->kind == INPUT_GLOB) {
        add_pattern(c, reader, in->path);
        add_matches(c, reader, column);
    }
}

// ---- What commands read as standard input

enum {
    FILLED_MOST = 1 << 20 // rows with which a template is filled, so that a check ends soon
};

static const char *column_name(const void *user, size_t index)
{
    const struct table *t = user;
    return t->head && index < table_columns(t) ? table_column_name(t, index) : NULL;
}

// Rows of a table: row i * `step` for each i < `count`.
struct chosen_rows {
    uint64_t count, step;
};

// Returns rows that have all combinations of values of two columns, each of which has all its
// values in the rows given for it.
static struct chosen_rows combine(struct chosen_rows a, struct chosen_rows b, uint64_t rows)
{
    if (b.count == 1 || (a.count == b.count && a.step == b.step))
        return a;
    return a.count == 1 ? b : (struct chosen_rows){rows, 1};
}

// Returns rows with which a template has all its texts: one if it has no references.
static struct chosen_rows choose_rows(const struct table *t, struct command_line line,
                                      uint64_t batch)
{
    struct chosen_rows all = {1, 1};
    struct command_piece p;
    uint64_t rows = t->head ? table_rows(t) : 1;
    for (command_line_next(&line, &p); p.kind != PIECE_END; command_line_next(&line, &p)) {
        struct chosen_rows own = {1, 1};
        if (p.kind == PIECE_COLUMN)
            own.count = table_stored_cells(t, p.column, &own.step);
        else if (p.kind == PIECE_BUILTIN && p.builtin == BUILTIN_INDEX)
            own.count = (rows + batch - 1) / batch;
        all = combine(all, own, rows);
    }
    return all;
}

// Sets `out` to the template's text for a row, as the first attempt of a task has it. Returns false
// if that is not known before the run.
static bool fill(const struct table *t, struct command_line line, uint64_t row, struct buffer *out)
{
    struct command_piece p;
    buffer_reset(out);
    for (command_line_next(&line, &p); p.kind != PIECE_END; command_line_next(&line, &p)) {
        struct cell_room room;
        const char *text = p.text;
        size_t length = p.length;
        if (p.kind == PIECE_COLUMN) {
            text = table_text(t, p.column, row, &room, &length);
            length = command_path_part(text, p.part, &text);
        }
        if (p.kind == PIECE_TEXT || p.kind == PIECE_COLUMN)
            buffer_append(out, text, length);
        else if (p.kind == PIECE_BUILTIN && p.builtin == BUILTIN_INDEX)
            buffer_format(out, "%llu", (unsigned long long)row);
        else if (p.kind == PIECE_BUILTIN && p.builtin == BUILTIN_ATTEMPT)
            buffer_char(out, '1');
        else
            return false;
    }
    buffer_char(out, '\0');
    return true;
}

// Compares the files that a template of the phase names.
static void add_template(struct check *c, size_t reader, const char *template)
{
    const struct prepared_phase *pp = &c->p->phases[reader];
    uint64_t batch = c->p->job->phases[reader].batch;
    struct table table = {0};
    struct buffer path = BUFFER_EMPTY;
    if (pp->loaded && table_open(&table, pp->image.data, pp->image.length, NULL) != 0)
        return;
    struct command_columns columns = {column_name, &table};
    struct command_line line = command_line_template(template, &columns);
    struct chosen_rows rows = choose_rows(&table, line, batch > 1 ? batch : 1);
    for (uint64_t i = 0; i < rows.count && i < FILLED_MOST; i++) {
        if (!fill(&table, line, i * rows.step, &path))
            break;
        if (path.failed) {
            c->failed = true;
            br_error_nomem(c->err);
            break;
        }
        add_read(c, reader, path.data);
    }
    buffer_finish(&path);
}

static void look_at_phase(struct check *c, size_t reader)
{
    const struct job_inputs *in = &c->p->job->phases[reader].inputs;
    job_phases_before(c->p->job, reader, c->before);
    if (in->kind != INPUT_MATRIX)
        add_inputs(c, reader, in, "path");
    for (size_t i = 0; in->kind == INPUT_MATRIX && i < in->matrix.axis_count; i++)
        add_inputs(c, reader, in->matrix.axes[i].values, in->matrix.axes[i].name);
    const struct job_settings *args = &c->p->job->phases[reader].args;
    for (size_t i = 0; i < args->count; i++)
        if (strcmp(args->items[i].name, COMMAND_STDIN) == 0)
            add_template(c, reader, args->items[i].value.cell.text.data);
}

// Compares a file that the job as a whole needs.
static void look_at_file(struct check *c, const char *path, const char *what)
{
    struct identity file = identify(path);
    for (size_t i = 0; i < c->count; i++)
        if (is_same_file(&file, &c->written[i].identity))
            complain(c, &c->written[i], what);
    free(file.place);
}

int check_files(const struct prepared *p, struct diagnostics *d, br_error *err)
{
    size_t phases = p->job->phase_count;
    struct check c = {.p = p, .d = d, .err = err};
    c.written = calloc(phases + 1, sizeof *c.written);
    c.before = calloc(phases + 1, sizeof *c.before);
    if (!c.written || !c.before) {
        c.failed = true;
        br_error_nomem(err);
    }
    for (size_t i = 0; !c.failed && i < phases; i++)
        add_written(&c, i);
    if (!c.failed && c.count > 0) {
        look_at_file(&c, p->job->file, "the job file");
        for (size_t i = 0; i < p->job->plugin_count; i++)
            if (p->plugin_files[i].source.path)
                look_at_file(&c, p->plugin_files[i].source.path, "a plugin");
        for (size_t i = 0; i < phases; i++)
            look_at_phase(&c, i);
    }
    for (size_t i = 0; i < c.count; i++) {
        free(c.written[i].path);
        free(c.written[i].identity.place);
    }
    free(c.written);
    free(c.before);
    return c.failed ? -1 : 0;
}
