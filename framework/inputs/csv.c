// SPDX-License-Identifier: BSD-3-Clause
// The states of a record that is read: fields, quotes and line ends.
#include "inputs/csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/fd.h"

enum {
    CHUNK_SIZE = 256 * 1024,
    END_OF_FILE = -1,
    FAILED = -2
};

// While a record is read, its text holds the fields one after the other, each with a NUL, and
// `starts` the offset of each: pointers would be lost when the text grows.
struct csv_reader {
    int fd;
    const char *name;
    enum csv_kind kind;
    uint64_t line;  // number of the line that is read next
    uint64_t begin; // number of the line on which the record began
    struct buffer text;
    struct buffer starts; // a size_t for each field
    struct buffer fields; // a struct csv_field for each field
    const char *at;       // position in `chunk`
    const char *end;
    bool begun;
    char chunk[CHUNK_SIZE];
};

struct csv_reader *csv_create(int fd, const char *name, enum csv_kind kind, br_error *err)
{
    struct csv_reader *r = malloc(sizeof *r);
    if (!r) {
        br_error_nomem(err);
        return NULL;
    }
    memset(r, 0, offsetof(struct csv_reader, chunk));
    r->fd = fd;
    r->name = name;
    r->kind = kind;
    r->line = 1;
    r->begin = 1;
    r->at = r->end = r->chunk;
    return r;
}

void csv_destroy(struct csv_reader *r)
{
    if (!r)
        return;
    buffer_finish(&r->text);
    buffer_finish(&r->starts);
    buffer_finish(&r->fields);
    free(r);
}

uint64_t csv_line(const struct csv_reader *r)
{
    return r->begin;
}

static int wrong(const struct csv_reader *r, uint64_t line, const char *what, br_error *err)
{
    return br_error_set(err, BR_ERR_USAGE, "%s:%" PRIu64 ": %s", r->name, line, what);
}

// Reads the next chunk. Returns 1, or 0 at the end of the file, or -1 and *err.
static int refill(struct csv_reader *r, br_error *err)
{
    ssize_t got = fd_read_all(r->fd, r->chunk, CHUNK_SIZE);
    if (got < 0)
        return br_error_errno(err, "cannot read %s", r->name);
    r->at = r->chunk;
    r->end = r->chunk + got;
    if (!r->begun && got >= 2 &&
        (!memcmp(r->chunk, "\xFF\xFE", 2) || !memcmp(r->chunk, "\xFE\xFF", 2)))
        return wrong(r, 1, "the file is UTF-16; save it as UTF-8", err);
    if (!r->begun && got >= 3 && !memcmp(r->chunk, "\xEF\xBB\xBF", 3))
        r->at += 3;
    r->begun = true;
    return got > 0;
}

// Returns the next byte without consuming it, or END_OF_FILE, or FAILED and *err.
static int peek(struct csv_reader *r, br_error *err)
{
    if (r->at == r->end) {
        int more = refill(r, err);
        if (more <= 0)
            return more == 0 ? END_OF_FILE : FAILED;
        if (r->at == r->end) // the chunk was only a byte order mark
            return END_OF_FILE;
    }
    return (unsigned char)*r->at;
}

static int begin_field(struct csv_reader *r, br_error *err)
{
    size_t start = r->text.length;
    buffer_append(&r->starts, &start, sizeof start);
    return buffer_check(&r->starts, err);
}

static int end_field(struct csv_reader *r, br_error *err)
{
    buffer_char(&r->text, '\0');
    return buffer_check(&r->text, err);
}

// Consumes bytes up to the first that is in `stops` (a flag for each byte) or to the chunk's end.
static int take_run(struct csv_reader *r, const bool *stops, br_error *err)
{
    const char *from = r->at;
    while (r->at < r->end && !stops[(unsigned char)*r->at])
        r->at++;
    buffer_append(&r->text, from, (size_t)(r->at - from));
    if (r->text.length > CSV_RECORD_MAX)
        return wrong(r, r->begin, "a record of more than 64 MiB (a quote that is never closed?)",
                     err);
    return buffer_check(&r->text, err);
}

// Consumes a CR if an LF or the end of the file follows, and returns whether it did. The LF is
// left.
static int take_return(struct csv_reader *r, br_error *err)
{
    r->at++;
    int next = peek(r, err);
    if (next == FAILED)
        return -1;
    if (next == '\n' || next == END_OF_FILE)
        return 0;
    if (r->kind == CSV_LINES) { // a lone CR is part of the line
        buffer_char(&r->text, '\r');
        return buffer_check(&r->text, err);
    }
    return wrong(r, r->line, "a carriage return (CR) without its line feed (LF)", err);
}

// Reads from the opening quote to the closing one.
static int read_quoted(struct csv_reader *r, br_error *err)
{
    static const bool stops[256] = {['"'] = true, ['\n'] = true, ['\0'] = true};
    uint64_t opened = r->line;
    r->at++;
    for (;;) {
        int c = peek(r, err);
        if (c == FAILED)
            return -1;
        if (c == END_OF_FILE)
            return wrong(r, opened, "a quote is opened here and never closed", err);
        if (c == '\0')
            return wrong(r, r->line, "a NUL byte", err);
        if (c == '"') {
            r->at++;
            c = peek(r, err);
            if (c != '"')
                return c == FAILED ? -1 : 0;
        }
        r->line += c == '\n';
        buffer_char(&r->text, (char)c);
        r->at++;
        if (take_run(r, stops, err) != 0)
            return -1;
    }
}

static int read_plain(struct csv_reader *r, br_error *err)
{
    static const bool field_stops[256] = {
        ['"'] = true, ['\n'] = true, ['\0'] = true, [','] = true, ['\r'] = true};
    static const bool line_stops[256] = {['\n'] = true, ['\0'] = true, ['\r'] = true};
    bool lines = r->kind == CSV_LINES;
    for (;;) {
        if (take_run(r, lines ? line_stops : field_stops, err) != 0)
            return -1;
        int c = peek(r, err);
        if (c == FAILED)
            return -1;
        if (c == END_OF_FILE || c == '\n' || (c == ',' && !lines))
            return 0;
        if (c == '\0')
            return wrong(r, r->line, "a NUL byte", err);
        if (c == '"' && !lines)
            return wrong(r, r->line, "a quote inside a field that does not begin with one", err);
        if (c == '\r' && take_return(r, err) != 0)
            return -1;
    }
}

// Reads a field and its end. Returns 1 if another field follows in this record, 0 if not, -1 and
// *err on an error.
static int read_field(struct csv_reader *r, br_error *err)
{
    int c = peek(r, err);
    if (c == FAILED || begin_field(r, err) != 0)
        return -1;
    bool quoted = c == '"' && r->kind == CSV_RECORDS;
    if ((quoted ? read_quoted(r, err) : read_plain(r, err)) != 0)
        return -1;
    c = peek(r, err);
    if (c == '\r') { // only after a closing quote
        if (take_return(r, err) != 0)
            return -1;
        c = peek(r, err);
    }
    if (c == FAILED || end_field(r, err) != 0)
        return -1;
    if (c == END_OF_FILE)
        return 0;
    if (c != ',' && c != '\n')
        return wrong(r, r->line, "unexpected text between a closing quote and the comma", err);
    r->at++;
    r->line += c == '\n';
    return c == ',';
}

int csv_next(struct csv_reader *r, const struct csv_field **fields, size_t *count, br_error *err)
{
    int c = peek(r, err);
    if (c == FAILED || c == END_OF_FILE)
        return c == FAILED ? -1 : 0;
    buffer_clear(&r->text);
    buffer_clear(&r->starts);
    buffer_clear(&r->fields);
    r->begin = r->line;
    int more;
    while ((more = read_field(r, err)) == 1)
        ;
    if (more < 0)
        return -1;
    size_t n = r->starts.length / sizeof(size_t);
    const size_t *starts = (const size_t *)(const void *)r->starts.data;
    struct csv_field *out = buffer_extend(&r->fields, n * sizeof *out);
    if (!out)
        return br_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        size_t end = i + 1 < n ? starts[i + 1] : r->text.length;
        out[i] =
            (struct csv_field){.data = r->text.data + starts[i], .length = end - starts[i] - 1};
    }
    *fields = out;
    *count = n;
    return 1;
}
