// SPDX-License-Identifier: BSD-3-Clause
// Text as people read and write it: strict numbers, quoting for display, the word of a list that is
// nearest to another one.
#ifndef BR_BASE_TEXT_H
#define BR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// Reads the whole text as an integer: decimal digits with an optional sign, no blanks, no leading
// zeros ("0755" is refused), no overflow. Returns whether it is one; if not, *out is unchanged.
bool text_to_i64(const char *text, size_t length, int64_t *out);

// Reads the whole text as a number in decimal floating point of YAML 1.2's core schema, or .inf,
// -.inf or .nan. Refuses an overflow ("1e999"). Does not depend on the locale. Returns whether it
// is one; if not, *out is unchanged.
bool text_to_f64(const char *text, size_t length, double *out);

// Appends the shortest decimal that reads back as exactly `value`, or "nan", "inf" or "-inf".
void text_f64(struct buffer *out, double value);

// Appends text for a terminal or a log. Hidden characters (utf8_is_hidden) and invalid UTF-8 become
// \xNN or \u{NNNN}, newline and tab \n and \t.
void text_escaped(struct buffer *out, const char *text, size_t length);

// Appends text as text_escaped does, except that newlines are kept.
void text_lines_escaped(struct buffer *out, const char *text, size_t length);

// Appends a word that a POSIX shell reads as `text`, in quotes if it needs them. Control characters
// are kept: a terminal needs text_escaped too.
void text_shell(struct buffer *out, const char *text);

// Appends a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void text_json(struct buffer *out, const char *text, size_t length);

// Returns the word in words[0..count) that is nearest to `text` by edit distance
// (Damerau-Levenshtein, restricted), or NULL if more than a third of the nearest one differs.
const char *text_nearest(const char *text, const char *const *words, size_t count);

// Appends a duration for people: "850 ns", "12.3 us", "4.56 ms", "7.89 s", "2m03s", "1h02m03s".
void text_duration(struct buffer *out, int64_t ns);

// Appends a moment of CLOCK_REALTIME, in ns, in local time: "2026-11-28 10:31:07".
void text_date(struct buffer *out, int64_t wall_ns);

// Appends a count for people: "999", "1 234", "10 000 000".
void text_count(struct buffer *out, uint64_t count);

#endif
