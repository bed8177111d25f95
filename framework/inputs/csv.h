// SPDX-License-Identifier: BSD-3-Clause
// Reads records from a file as a stream: CSV (RFC 4180) or plain lines. Memory is bounded by the
// longest record, not by the file.
//
// CSV: fields between commas; a field in double quotes may hold commas, line ends and doubled
// quotes. Lines end in LF or CR LF; the last may lack its end. An UTF-8 byte order mark at the
// beginning is skipped. Refused: a quote inside an unquoted field, anything between a closing quote
// and the comma, a lone CR, NUL, a quote that is never closed. An empty line is a record of one
// empty field.
//
// Lines: each is a record of one field; LF or CR LF ends it, the last may lack its end. NUL is
// refused.
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

// Reads `fd` from where it stands; `name` is for messages. Both are borrowed. NULL and *err when
// out of memory.
struct csv_reader *csv_create(int fd, const char *name, enum csv_kind kind, br_error *err);
void csv_destroy(struct csv_reader *r);

// The next record: 1 and its fields (at least one); 0 at the end; -1 and *err: BR_ERR_USAGE
// "NAME:LINE: what is wrong" for the file's own mistakes, after which nothing can be read any more.
int csv_next(struct csv_reader *r, const struct csv_field **fields, size_t *count, br_error *err);

// The line that the last record began on, from 1.
uint64_t csv_line(const struct csv_reader *r);

#endif
