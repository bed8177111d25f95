// SPDX-License-Identifier: BSD-3-Clause
// Reads nodes into fields as key tables say. One table is one kind of mapping in the job file; it
// decides what is read and can be walked for a schema or help.
#ifndef BR_JOBFILE_SPEC_READER_H
#define BR_JOBFILE_SPEC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jobfile/spec_tree.h"

struct reader {
    struct job *job;
    struct tree tree;
    struct diagnostics *d;
    const struct node *root;
    const struct node *defaults;     // NULL without
    const struct node **phase_nodes; // one per phase of the job
    bool silent;                     // reading `defaults` for yet another phase
    bool failed;                     // out of memory
};

// What a key's value is, and the field's type.
enum spec_type {
    SPEC_TEXT,     // char *, owned by the job
    SPEC_NAME,     // the same, fit to be a file's name
    SPEC_BOOL,     // bool
    SPEC_WORD,     // one of `words`: its place, in 1, 4 or 8 bytes
    SPEC_WHOLE,    // min..max, in 4 or 8 bytes; the word `automatic` stands for 0
    SPEC_NUMBER,   // double, min..max
    SPEC_SIZE,     // uint64_t bytes, at least min
    SPEC_DURATION, // int64_t ns, at least min
    SPEC_MAPPING,  // a struct, by `table`
    SPEC_SETTINGS, // struct job_settings
    SPEC_OTHER,    // whatever `read` makes of it; `due` describes it
};

struct spec_key {
    const char *name;
    const char *doc;     // one line
    const char *example; // a value as it would stand behind the key
    enum spec_type type;
    bool required;
    bool no_default;    // a phase's key that `defaults` cannot have
    size_t offset;      // of the field in the table's struct
    size_t size;        // of the field
    size_t mark_offset; // of a struct mark for the value; 0 = none
    int64_t min, max;
    const char *automatic;
    const char *const *words; // NULL-terminated
    const struct spec_table *table;
    const char *due; // "a list of phases"
    // SPEC_OTHER: members of its JSON Schema (jobfile/spec_schema.c), with ' for ".
    const char *schema;
    void (*read)(struct reader *r, const struct spec_key *key, struct node *value, void *field);
};

struct spec_table {
    const char *what; // "a phase"
    const struct spec_key *keys;
    size_t count;
    bool one_of;  // exactly one of the keys stands in a mapping
    bool partial; // `defaults`: nothing is required, and keys with no_default are refused
};

// Reads `mapping`, known by `name` in messages, into the table's struct at `target`: unknown and
// missing keys are mistakes. Where `fallback` (or NULL) has a key that `mapping` has not, it is
// read from there in silence.
void read_table(struct reader *r, const struct spec_table *table, const char *name,
                struct node *mapping, const struct node *fallback, void *target);

// Reads one value into its field, by the key's type.
void read_key(struct reader *r, const struct spec_key *key, struct node *value, void *target);

// ---- Mistakes. Nothing is added while r->silent.

void complain(struct reader *r, const struct node *at, const char *cure, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// "`timeout` is a list; a duration is due", with an example.
void complain_type(struct reader *r, const struct spec_key *key, const struct node *value);

// What a node is, in words: "the number 5", "the text `abc`", "a list", "empty".
const char *describe(struct reader *r, const struct node *node);

// What the key's value should be: "a duration (ns, us, ms, s, m, h)"; and "for example `KEY:
// VALUE`".
const char *key_due(struct reader *r, const struct spec_key *key);
const char *key_example(struct reader *r, const struct spec_key *key);

// Text of the file for a message: not too long, not cut within a character.
const char *shorten(struct reader *r, const char *text);

// "did you mean `WORD`?" or NULL when no word is near.
const char *did_you_mean(struct reader *r, const char *text, const char *const *words,
                         size_t count);

// ---- Values

// A plain or quoted text; NULL (after complaining) when the node is something else.
const char *read_text(struct reader *r, const struct spec_key *key, const struct node *value);

// Copies for the job; NULL and r->failed when out of memory.
char *keep_text(struct reader *r, const char *text);

// `count` zeroed items; NULL when out of memory or count is 0.
void *keep_items(struct reader *r, size_t count, size_t size);

// A single typed value. false after complaining. `name` is what holds it.
bool read_value(struct reader *r, const char *name, const struct node *node, struct job_value *out);

// A number as i64 or f64 cell; false after complaining.
bool read_number(struct reader *r, const struct spec_key *key, const struct node *node,
                 struct cell *out);

bool is_null(const struct node *node);

#endif
