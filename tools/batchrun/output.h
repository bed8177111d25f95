// SPDX-License-Identifier: BSD-3-Clause
// What a command prints, and the exit status that follows from it.
#ifndef BR_TOOLS_OUTPUT_H
#define BR_TOOLS_OUTPUT_H

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

// Prints "batchrun: ..." to standard error. Returns the exit status that fits the error.
int report_error(const br_error *err);

// Flushes standard output. Returns `status`, or 1 after a message if not all could be written. A
// reader that went away is not a failure.
int finish_output(int status);

// Returns the exit status of a command that printed in pieces: `result` is 0, or -1 with *err.
int finish_printing(int result, const br_error *err);

// Prints the bytes of the buffer. Returns -1 and *err if no more can be printed; its kind is
// BR_ERR_NONE if the reader went away, which finish_printing takes for success.
int print_piece(const struct buffer *piece, br_error *err);

// Prints as print_piece, for text that has names or values of others in it: control characters are
// escaped on a terminal.
int print_answer(const struct buffer *answer, br_error *err);

// Writes `view` to the file `output` ("-": to standard output), or as `name` into the run directory
// if `output` is NULL. Prints the path of the written file. Returns -1 and *err on failure.
int write_view(const struct rundir *run, const char *name, const char *output,
               const struct buffer *view, br_error *err);

#endif
