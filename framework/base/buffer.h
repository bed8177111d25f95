// SPDX-License-Identifier: BSD-3-Clause
// A growable run of bytes. An append that cannot get memory sets `failed`, and all later appends do
// nothing: a writer appends freely and checks once at the end.
#ifndef BR_BASE_BUFFER_H
#define BR_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer {
    char *data; // from malloc; NULL until the first append. No NUL follows the last byte
    size_t length;
    size_t capacity;
    bool failed;
};

enum {
    BUFFER_KEPT = 16 << 20
};

#define BUFFER_EMPTY ((struct buffer){0})

// Frees the bytes and leaves the buffer empty, ready for use again.
void buffer_finish(struct buffer *b);

// Empties the buffer without freeing its memory; keeps `failed`.
void buffer_clear(struct buffer *b);

// Empties the buffer and clears `failed`, for a buffer that is used again and again. Frees its
// memory only if that is larger than BUFFER_KEPT, so that one long text does not stay allocated for
// good.
void buffer_reset(struct buffer *b);

// The slow path of buffer_extend, which gets more memory. Returns what buffer_extend returns.
void *buffer_grow(struct buffer *b, size_t count);

// Lengthens the buffer by `count` bytes for the caller to fill. Returns the first of them, valid
// until the next call; NULL if the buffer has failed.
static inline void *buffer_extend(struct buffer *b, size_t count)
{
    if (b->failed || count >= b->capacity - b->length)
        return buffer_grow(b, count);
    void *start = b->data + b->length;
    b->length += count;
    return start;
}

// Each appends bytes: `count` of them, a string without its NUL, one character, formatted text.
void buffer_append(struct buffer *b, const void *data, size_t count);
void buffer_text(struct buffer *b, const char *text);
void buffer_char(struct buffer *b, char c);
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_formatv(struct buffer *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

// Appends zero bytes up to a multiple of `alignment`, a power of two.
void buffer_align(struct buffer *b, size_t alignment);

// Returns the content as a string that the caller frees; NULL and *err if the buffer has failed.
// The buffer is empty afterwards in either case.
char *buffer_take_string(struct buffer *b, br_error *err);

// Returns 0; -1 and *err ("out of memory") if an append has failed.
int buffer_check(const struct buffer *b, br_error *err);

#endif
