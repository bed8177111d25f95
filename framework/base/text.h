// SPDX-License-Identifier: BSD-3-Clause
// Text as people read and write it: strict numbers, quoting for display, the nearest of some words.
#ifndef BR_BASE_TEXT_H
#define BR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// Whole-string conversions: no blanks, no trailing characters, no overflow. Decimal digits with an
// optional sign, no leading zeros ("0755" is refused). false leaves *out untouched.
bool text_to_i64(const char *text, size_t length, int64_t *out);

// Decimal floating point of YAML 1.2's core schema, and .inf -.inf .nan. An overflow ("1e999") is
// refused. Independent of the locale.
bool text_to_f64(const char *text, size_t length, double *out);

// Appends the shortest decimal that reads back as exactly `value`; "nan", "inf", "-inf" for those.
void text_f64(struct buffer *out, double value);

// Appends text for a terminal or a log: control characters, invalid UTF-8 and bidirectional marks
// as \xNN or \u{NNNN}; all else as it is.
void text_escaped(struct buffer *out, const char *text, size_t length);

// As text_escaped, but lines stay lines.
void text_lines_escaped(struct buffer *out, const char *text, size_t length);

// Appends a word that a POSIX shell reads as `text`: as it is, or in quotes where it must be.
// Control characters are kept: escape for a terminal what may have some.
void text_shell(struct buffer *out, const char *text);

// Appends a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void text_json(struct buffer *out, const char *text, size_t length);

// Length in bytes (1-4) of the valid UTF-8 sequence at `text`, or 0 when it is not valid.
size_t text_utf8_sequence(const char *text, size_t length);

// Marks with "..." the end of a text that did not fit into `size` bytes, NUL among them, without
// leaving half of a UTF-8 sequence before the mark.
void text_mark_cut(char *text, size_t size);

// The character that a valid sequence of `length` bytes encodes.
uint32_t text_code_point(const char *text, size_t length);

// Whether a character could change what a person sees around it: controls (also tab and newline),
// the bidirectional marks of UAX #9, line and paragraph separators, the byte-order mark.
bool text_is_hidden(uint32_t code_point);

// Number of characters (code points) in `length` bytes; each invalid byte counts as one.
size_t text_width(const char *text, size_t length);

// The word in words[0..count) nearest to `text` by edit distance (Damerau-Levenshtein, restricted),
// or NULL when none is near enough to be what was meant (more than a third of it differs).
const char *text_nearest(const char *text, const char *const *words, size_t count);

// Duration for people: "850 ns", "12.3 us", "4.56 ms", "7.89 s", "2m03s", "1h02m03s".
void text_duration(struct buffer *out, int64_t ns);

// Count for people: "999", "1 234", "10 000 000".
void text_count(struct buffer *out, uint64_t count);

#endif
