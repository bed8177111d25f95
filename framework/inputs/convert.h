// SPDX-License-Identifier: BSD-3-Clause
// One value to another type, as inputs come to what a task declares.
//
//     i64 -> f64            always
//     f64 -> i64            where it is a whole number
//     str -> i64 f64 bool   strictly, by base/text.h; true and false as YAML writes them; f64 also
//                           from "nan", "inf", "-inf", which result files have
//     i64 f64 bool -> str   the shortest text that reads back
//     str <-> bytes         the bytes as they are; a str has no NUL inside
#ifndef BR_INPUTS_CONVERT_H
#define BR_INPUTS_CONVERT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "model/schema.h"

// Room for the text of a number.
struct convert_text {
    char data[DECIMAL_MAX + 1];
};

// false where there is no such value. Text of *out lies where that of *in does, or in *text.
bool cell_convert(const struct cell *in, enum br_type type, struct convert_text *text,
                  struct cell *out);

// Whether a task's results of type `from` can be another's inputs of type `to`. Stricter than
// cell_convert: text that a task returned is never read as a number.
bool type_converts(enum br_type from, enum br_type to);

// Appends what cell_convert's false means: `"abc" is not a number (f64)`.
void convert_problem(struct buffer *out, const struct cell *in, enum br_type type);

// Length of the value's text, for a caret below it.
size_t convert_width(const struct cell *cell);

#endif
