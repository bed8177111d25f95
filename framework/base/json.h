// SPDX-License-Identifier: BSD-3-Clause
// Writes JSON into a buffer: it sets commas, indentation and quotes, the caller decides the order.
// No function fails; the caller checks the buffer at the end.
#ifndef BR_BASE_JSON_H
#define BR_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct json {
    struct buffer *out; // borrowed
    bool pretty;        // two blanks a level and one member a line; if not, all on one line
    bool started;       // the innermost object has a member, the innermost array an element
    unsigned depth;
};

// Begins to write to the end of *out, which is borrowed until the last call.
void json_init(struct json *j, struct buffer *out, bool pretty);

// In all functions below `key` is the member's name; NULL inside an array and for the outermost
// value. Each begin needs its end.
void json_begin_object(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_begin_array(struct json *j, const char *key);
void json_end_array(struct json *j);

// A NULL string and a number that is not finite become null.
void json_text(struct json *j, const char *key, const char *text, size_t length);
void json_string(struct json *j, const char *key, const char *text);
void json_i64(struct json *j, const char *key, int64_t value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_f64(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

// Writes members of the innermost object, or elements of the innermost array, that are JSON
// already.
void json_members(struct json *j, const char *text);

// Writes a time as seconds, to the microsecond.
void json_seconds(struct json *j, const char *key, int64_t ns);

#endif
