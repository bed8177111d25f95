// SPDX-License-Identifier: BSD-3-Clause
// Columns: names and types, and the signature that a task declares.
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

// "i64", "f64", "bool", "str", "bytes".
const char *type_name(enum br_type type);

// One value. Text and bytes are borrowed; text is followed by a NUL that `length` does not count.
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

struct schema {
    struct column *columns;
    size_t count;
};

// Appends a column; copies the name. 0, or -1 with *err (out of memory, more than SCHEMA_MAX).
enum {
    SCHEMA_MAX = 4096
};
int schema_add(struct schema *s, const char *name, size_t length, enum br_type type, br_error *err);

// The column's place, or -1.
int schema_find(const struct schema *s, const char *name);

void schema_finish(struct schema *s);

struct signature {
    struct schema inputs;
    struct schema results;
    bool many_rows;        // "[...] -> ...": takes many rows in one call
    bool any_input;        // "..." on the left
    enum br_type any_type; // "...:str": of such columns; BR_TYPE_NONE: as their values suggest
};

// Parses "a:i64, b:str ... -> c:f64" and "...:str". A name begins with a letter, _ or any non-ASCII
// character and goes on with these, digits, . and -. A name stands once on either side; no result
// is called `index`. An error (BR_ERR_PLUGIN) says what is wrong and at which character; *out is
// then empty.
int signature_parse(const char *text, struct signature *out, br_error *err);

void signature_finish(struct signature *s);

#endif
