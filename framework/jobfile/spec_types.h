// SPDX-License-Identifier: BSD-3-Clause
// The types that describe a job file: a table lists the keys of one kind of mapping, and a key says
// how its value is read and into which field.
#ifndef BR_JOBFILE_SPEC_TYPES_H
#define BR_JOBFILE_SPEC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jobfile/spec_node.h"
#include "model/job.h"

enum {
    SPEC_PHASES_MAX = 1000 // limit of phases, of plugins, and of the entries of `needs`
};

// The state of reading one job file.
struct reader {
    struct job *job;                 // filled while reading
    struct tree tree;                // holds the nodes and the texts of messages
    struct diagnostics *d;           // borrowed
    const struct node *root;         // the job file's mapping
    const struct node *defaults;     // the value of `defaults`, or NULL
    const struct node **phase_nodes; // one for each phase of the job; NULL if it is not a mapping
    bool silent;                     // no error is reported: `defaults` is read again for a phase
    bool failed;                     // out of memory
};

// A value's type in the file, and the type of the field that it is read into.
enum spec_type {
    SPEC_TEXT,     // char *, owned by the job
    SPEC_NAME,     // char *, owned by the job, that can be a file's name
    SPEC_BOOL,     // bool
    SPEC_WORD,     // index of one of `words`, in 1, 4 or 8 bytes
    SPEC_WHOLE,    // integer from min to max, in 4 or 8 bytes; the word `automatic` reads as 0
    SPEC_NUMBER,   // double from min to max
    SPEC_SIZE,     // uint64_t in bytes, at least min
    SPEC_DURATION, // int64_t in ns, at least min
    SPEC_MAPPING,  // a struct that `table` describes
    SPEC_SETTINGS, // struct job_settings
    SPEC_OTHER,    // any field; `read` reads it and `expected` describes the value
};

struct spec_table;

struct spec_key {
    const char *name;
    const char *doc;     // one line for help
    const char *example; // a value, as it is written after the key
    enum spec_type type;
    bool required;
    bool no_default;    // `defaults` cannot have this key of a phase
    size_t offset;      // of the field in the table's struct
    size_t size;        // of the field
    size_t mark_offset; // of a struct mark that gets the value's position; 0 = none
    int64_t min, max;
    const char *automatic;          // the word that reads as 0, or NULL
    const char *const *words;       // of SPEC_WORD, NULL-terminated
    const struct spec_table *table; // of the value if it is a mapping, or of its items
    const char *expected;           // of SPEC_OTHER: "a list of phases"
    // Of SPEC_OTHER: the members of the value's JSON Schema, with ' instead of ".
    const char *schema;
    // Of SPEC_OTHER: jobfile/spec_readers.h has the contract.
    void (*read)(struct reader *r, const struct spec_key *key, struct node *value, void *field);
};

struct spec_table {
    const char *what; // for messages: "a phase"
    const struct spec_key *keys;
    size_t count;
    bool one_of;  // a mapping must have exactly one of the keys
    bool partial; // for `defaults`: no key is required, and keys with no_default are refused
};

#endif
