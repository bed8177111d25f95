// SPDX-License-Identifier: BSD-3-Clause
// The messages about a job file: each names what the file has, what was expected, and a hint. The
// texts that are returned live as long as r->tree; they are "" when out of memory (r->tree.failed).
#ifndef BR_JOBFILE_SPEC_MESSAGES_H
#define BR_JOBFILE_SPEC_MESSAGES_H

#include "jobfile/spec_types.h"

// Reports an error at `at`, with a hint or NULL. Does nothing while r->silent.
void spec_complain(struct reader *r, const struct node *at, const char *hint, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

// Reports that a value has the wrong type: what it is, what the key expects, and an example. Does
// nothing while r->silent.
void spec_complain_type(struct reader *r, const struct spec_key *key, const struct node *value);

// Returns a description of a node: "the number 5", "the text `abc`", "a list", "empty".
const char *spec_describe(struct reader *r, const struct node *node);

// Returns a description of the values that a key takes: "a duration (ns, us, ms, s, m, h)".
const char *spec_expected(struct reader *r, const struct spec_key *key);

// Returns "for example `KEY: VALUE`".
const char *spec_example(struct reader *r, const struct spec_key *key);

// Returns `text` cut to a length that a message can have, never within a character. A short text is
// returned itself.
const char *spec_shorten(struct reader *r, const char *text);

// Returns "did you mean `WORD`?", or NULL if no word is similar or nobody would read the hint.
const char *spec_did_you_mean(struct reader *r, const char *text, const char *const *words,
                              size_t count);

#endif
