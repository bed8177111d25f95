// SPDX-License-Identifier: BSD-3-Clause
// A growable run of bytes. An append that cannot get memory sets `failed` and all that follow do
// nothing, so a writer appends freely and asks once at the end.
#ifndef BR_BASE_BUFFER_H
#define BR_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer {
    char *data; // malloc'd, or NULL while nothing was appended
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

// Empties without freeing; `failed` is kept.
void buffer_clear(struct buffer *b);

// Empties and forgets a failure: for a buffer that is used again and again. Frees nothing but what
// is larger than BUFFER_KEPT: one long text must not stay for good.
void buffer_reset(struct buffer *b);

// As buffer_extend, where there is no room yet.
void *buffer_grow(struct buffer *b, size_t count);

// `count` new bytes at the end for the caller to fill; NULL when failed. Valid until the next call.
static inline void *buffer_extend(struct buffer *b, size_t count)
{
    if (b->failed || count >= b->capacity - b->length)
        return buffer_grow(b, count);
    void *start = b->data + b->length;
    b->length += count;
    return start;
}

void buffer_append(struct buffer *b, const void *data, size_t count);
void buffer_text(struct buffer *b, const char *text);
void buffer_char(struct buffer *b, char c);
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_formatv(struct buffer *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

// Zero bytes up to a multiple of `alignment` (a power of two).
void buffer_align(struct buffer *b, size_t alignment);

// The content as a string that the caller frees; the buffer is left empty. NULL and *err when
// failed.
char *buffer_take_string(struct buffer *b, br_error *err);

// 0, or -1 with "out of memory" when an append failed.
int buffer_check(const struct buffer *b, br_error *err);

#endif
