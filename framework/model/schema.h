// SPDX-License-Identifier: BSD-3-Clause
// Columns: names and types, and the signature that a task declares. Pure.
#ifndef BR_MODEL_SCHEMA_H
#define BR_MODEL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum br_type {
    BR_TYPE_NONE = 0,
    BR_I64,
    BR_F64,
    BR_BOOL,
    BR_STR,
    BR_BYTES
};

// Returns "i64", "f64", "bool", "str" or "bytes".
const char *schema_type_name(enum br_type type);

// Returns whether cells of the type have a length: str and bytes.
static inline bool schema_type_is_text(enum br_type type)
{
    return type == BR_STR || type == BR_BYTES;
}

// One value. Text and bytes are borrowed, and followed by a NUL that `length` does not count.
struct cell {
    enum br_type type;
    union {
        int64_t i64;
        double f64;
        bool boolean;
        struct {
            const char *data;
            size_t length;
        } text;
    };
};

struct column {
    char *name;
    enum br_type type;
};

// Columns in order. An all-zero schema is empty.
struct schema {
    struct column *columns; // by array_add
    size_t count;
};

enum {
    SCHEMA_MAX = 4096
};

// Appends a column; copies the name. Returns 0; -1 and *err for lack of memory or for more than
// SCHEMA_MAX columns.
int schema_add(struct schema *s, const char *name, size_t length, enum br_type type, br_error *err);

// Returns the index of the column of that name, or -1.
int schema_find(const struct schema *s, const char *name);

void schema_finish(struct schema *s);

// What a task declares: "inputs -> results".
struct signature {
    struct schema inputs;
    struct schema results;
    bool many_rows;        // "[...] -> ...": it takes many rows in one call
    bool any_input;        // "..." on the left: it takes columns that are not named too
    enum br_type any_type; // "...:str": the type of those; BR_TYPE_NONE: as their values suggest
};

// Parses "a:i64, b:str ... -> c:f64" and "...:str". A name begins with a letter, _ or any non-ASCII
// character; digits, . and - may follow. A name stands once on either side; no result is called
// `index`. Returns 0; -1 and *err (BR_ERR_PLUGIN), which says what is wrong and at which character;
// *out is then empty.
int signature_parse(const char *text, struct signature *out, br_error *err);

void signature_finish(struct signature *s);

#endif
