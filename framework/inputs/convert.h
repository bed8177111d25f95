// SPDX-License-Identifier: BSD-3-Clause
// Converts a value to another type, for inputs whose type is not the one that the task declares.
//
//     i64 -> f64            always
//     f64 -> i64            if it is a whole number
//     str -> i64 f64 bool   strictly, by base/text.h; true and false as YAML writes them; f64 also
//                           from NaN and infinity as programs write them: in any case "nan",
//                           "nan(...)", "inf", "infinity", "1.#inf", "1.#qnan", "1.#snan",
//                           "1.#ind", each with an optional sign
//     i64 f64 bool -> str   the shortest text that reads back
//     str <-> bytes         the same bytes; a str has no NUL inside
#ifndef BR_INPUTS_CONVERT_H
#define BR_INPUTS_CONVERT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "model/cell_text.h"
#include "model/schema.h"

// Returns false, with *out as it was, if `in` has no value of that type. Text of *out lies in the
// memory of the text of *in, or in *text.
bool convert_cell(const struct cell *in, enum br_type type, struct cell_room *text,
                  struct cell *out);

// Returns whether a task's results of type `from` can be another task's inputs of type `to`. This
// is stricter than convert_cell: text that a task returned is never read as a number.
bool convert_is_possible(enum br_type from, enum br_type to);

// Returns the type that a text suggests: i64, f64, bool or str, the first to which it converts.
enum br_type convert_natural_type(const struct cell *text);

// Writes why convert_cell returned false to *out, which must be empty: `"abc" is not a number
// (f64)`. Returns that text, borrowed from *out, or a shorter one when out of memory.
const char *convert_problem(struct buffer *out, const struct cell *in, enum br_type type);

// Returns the width of the value's text in terminal cells, for a caret under it.
size_t convert_width(const struct cell *cell);

#endif
