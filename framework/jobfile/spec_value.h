// SPDX-License-Identifier: BSD-3-Clause
// Reads single values: texts, numbers, and each type of a key that is not a mapping with a table.
#ifndef BR_JOBFILE_SPEC_VALUE_H
#define BR_JOBFILE_SPEC_VALUE_H

#include "jobfile/spec_types.h"

bool spec_is_null(const struct node *node);

// Return memory that the caller gives to the job, or NULL with r->failed set when out of memory.
// spec_keep_items returns `count` zeroed items, and NULL also if `count` is 0.
char *spec_keep_text(struct reader *r, const char *text);
void *spec_keep_items(struct reader *r, size_t count, size_t size);

// Returns the node's text, which the tree owns, or NULL after it reported that the node is not a
// text or is empty.
const char *spec_read_text(struct reader *r, const struct spec_key *key, const struct node *value);

// Reads a single value of any type; `name` is the setting or column that has it. Returns false
// after it reported an error or when out of memory; *out is then as it was. The text of *out is
// malloc'd.
bool spec_read_value(struct reader *r, const char *name, const struct node *node,
                     struct job_value *out);

// Reads a number as an i64 or f64 cell. Returns false after it reported an error; *out is then as
// it was.
bool spec_read_number(struct reader *r, const struct spec_key *key, const struct node *node,
                      struct cell *out);

// Each reads one type of key (enum spec_type) into its field. On an error it reports it and leaves
// the field as it was. spec_read_units is for SPEC_SIZE and SPEC_DURATION.
void spec_read_string(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);
void spec_read_name(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_bool(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_word(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_whole(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_real(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_units(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_settings(struct reader *r, const struct spec_key *key, struct node *value,
                        void *field);

#endif
