// SPDX-License-Identifier: BSD-3-Clause
// Writes a phase's result file: the columns of results/results.h's layout for the tasks that
// succeeded, in the order of the inputs.
//
//     csv    RFC 4180 with a header, lines end in LF; shortest numbers that read back exactly, nan
//            inf -inf, true false, bytes as base64; inputs that keep their text as that text
//     jsonl  an object a line; nan and infinities are null, bytes are base64; of inputs that keep
//            their text, that text if it is a JSON number, true or false, else as a string
//     npy    a structured array ('<i8', '<f8', '|b1') of the i64, f64 and bool columns
#ifndef BR_RESULTS_OUTPUT_H
#define BR_RESULTS_OUTPUT_H

#include <stdatomic.h>

#include "base/error.h"
#include "model/table.h"
#include "results/results.h"

enum output_format {
    OUTPUT_CSV,
    OUTPUT_JSONL,
    OUTPUT_NPY
};

// Sets *format by the path's ending; "-" is csv. Returns -1 and *err (BR_ERR_USAGE) for any other
// ending.
int output_format_of(const char *path, enum output_format *format, br_error *err);

// Checks that the format can hold the columns: npy needs one that is not text. Returns -1 and *err
// (BR_ERR_USAGE) if not.
int output_check(enum output_format format, const struct result_layout *layout, br_error *err);

// Checks that `path` can be written, as far as this can be known without writing: nothing but a
// regular file is there, and its directory is writable. Returns -1 and *err (BR_ERR_USAGE) if not.
int output_check_place(const char *path, br_error *err);

// Replaces `path` by the result file, or leaves it as it was: a temporary file beside it is
// written, synced and renamed. The temporary file's name has `tag`, which is the run's own, so that
// a resumed run replaces the one that it left when it was killed. "-" is standard output, which is
// written directly; if its reader has closed it (EPIPE), writing ends without an error. `inputs` is
// NULL for a reduced row. Returns -1 and *err on failure; a full disk is BR_ERR_INTERRUPTED.
int output_write(const char *path, const char *tag, enum output_format format,
                 const struct table *inputs, const struct results *results, br_error *err);

// Writes to standard output until *given_up is true. May run in a thread of its own, as long as
// nobody changes what it reads.
int output_write_standard(enum output_format format, const struct table *inputs,
                          const struct results *results, const atomic_bool *given_up,
                          br_error *err);

#endif
