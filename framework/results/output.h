// SPDX-License-Identifier: BSD-3-Clause
// Writes a phase's result file: the columns of results/results.h's layout for the tasks that
// succeeded, in input order.
//
//     csv    RFC 4180 with a header, lines end in LF; shortest numbers that read back exactly, nan
//            inf -inf, true false, bytes as base64
//     jsonl  an object a line; nan and infinities are null, bytes are base64
//     npy    a structured array ('<i8', '<f8', '|b1') of the i64, f64 and bool columns
#ifndef BR_RESULTS_OUTPUT_H
#define BR_RESULTS_OUTPUT_H

#include "base/error.h"
#include "model/table.h"
#include "results/results.h"

enum output_format {
    OUTPUT_CSV,
    OUTPUT_JSONL,
    OUTPUT_NPY
};

// By the path's ending; "-" is csv. -1 and *err (BR_ERR_USAGE) for an ending that is none of these.
int output_format_of(const char *path, enum output_format *format, br_error *err);

// Whether the columns can be written so (npy needs one that is not text). -1 and *err
// (BR_ERR_USAGE) when not.
int output_check(enum output_format format, const struct result_layout *layout, br_error *err);

// Whether `path` could be written as far as can be seen without doing it: no other kind of file is
// there, and its directory can be written to. -1 and *err (BR_ERR_USAGE) when not.
int output_check_place(const char *path, br_error *err);

// Writes `path` whole or not at all, in place of what was there: a temporary file beside it is
// written, synced and renamed. Its name bears `tag`, the run's own, so that a run which goes on
// replaces what it left behind when it was killed. "-" is standard output, as it goes; when nobody
// reads it any more (EPIPE) that is the end, and no error. `inputs` NULL: the one reduced row. A
// full disk is BR_ERR_INTERRUPTED.
int output_write(const char *path, const char *tag, enum output_format format,
                 const struct table *inputs, const struct results *results, br_error *err);

#endif
