// SPDX-License-Identifier: BSD-3-Clause
// Reads records from a file as a stream: CSV (RFC 4180) or plain lines. Memory is bounded by the
// longest record, not by the file.
//
// CSV: fields between commas; a field in double quotes may hold commas, line ends and doubled
// quotes. Lines end in LF or CR LF; the last may lack its end. A UTF-8 byte order mark at the
// beginning is skipped. These are errors: a quote inside an unquoted field, anything between a
// closing quote and the comma, a lone CR, NUL, a quote that is never closed. An empty line is a
// record of one empty field.
//
// Lines: each line is a record of one field. LF or CR LF ends it; the last may lack its end. NUL is
// an error.
#ifndef BR_INPUTS_CSV_H
#define BR_INPUTS_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    CSV_RECORD_MAX = 64 * 1024 * 1024 // bytes
};

enum csv_kind {
    CSV_RECORDS,
    CSV_LINES
};

struct csv_field {
    const char *data; // NUL-terminated, borrowed until the next csv_next
    size_t length;
};

struct csv_reader;

// Creates a reader of `fd` from its current offset; `name` is for messages. Both are borrowed.
// Returns NULL and *err when out of memory.
struct csv_reader *csv_create(int fd, const char *name, enum csv_kind kind, br_error *err);
void csv_destroy(struct csv_reader *r);

// Reads the next record. Returns 1, with its fields (at least one) in *fields; 0 at the end of the
// file; -1 and *err on an error, after which nothing more can be read. An error in the file itself
// is BR_ERR_USAGE, with the text "NAME:LINE: ...".
int csv_next(struct csv_reader *r, const struct csv_field **fields, size_t *count, br_error *err);

// Returns the number of the line, from 1, on which the last record began.
uint64_t csv_line(const struct csv_reader *r);

#endif
