// SPDX-License-Identifier: BSD-3-Clause
// UTF-8, one sequence at a time. Pure. Uses neither buffers nor br_error, because
// base/error.c uses this.
#ifndef BR_BASE_UTF8_H
#define BR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Returns the length in bytes (1-4) of the valid UTF-8 sequence at the beginning of `text`, or 0 if
// there is none.
size_t utf8_sequence(const char *text, size_t length);

// Returns the character that a valid sequence of `length` bytes encodes.
uint32_t utf8_code_point(const char *text, size_t length);

// Returns the number of characters (code points) in `length` bytes. Each invalid byte counts as
// one.
size_t utf8_width(const char *text, size_t length);

// Returns whether a character could change what a person sees around it: controls (tab and newline
// too), the bidirectional marks of UAX #9, line and paragraph separators, the byte-order mark.
bool utf8_is_hidden(uint32_t code_point);

// Returns the first character of the text that nobody sees and nobody writes on purpose, or 0: one
// that is hidden (but for tab, LF and CR), a space of Unicode's General Punctuation, a no-break
// space, a soft hyphen, a zero-width character. Joiners between other characters than ASCII belong
// to some scripts. *at (unless NULL) becomes its offset.
uint32_t utf8_find_unseen(const char *text, size_t length, size_t *at);

// Returns a name for such a character, with its article: "a zero-width space".
const char *utf8_unseen_name(uint32_t code_point);

// Returns the largest length of at most `length` bytes at which `text` can be cut without leaving
// half of a UTF-8 sequence. Reads text[length] too.
size_t utf8_cut(const char *text, size_t length);

// Ends a text that did not fit into its `size` bytes with "..." and a NUL. No half of a UTF-8
// sequence is left before the dots.
void utf8_mark_cut(char *text, size_t size);

#endif
