// SPDX-License-Identifier: BSD-3-Clause
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_finish(struct buffer *b)
{
    free(b->data);
    *b = BUFFER_EMPTY;
}

void buffer_clear(struct buffer *b)
{
    b->length = 0;
}

void buffer_reset(struct buffer *b)
{
    b->length = 0;
    b->failed = false;
    if (b->capacity > BUFFER_KEPT)
        buffer_finish(b);
}

static bool reserve(struct buffer *b, size_t count)
{
    if (b->failed)
        return false;
    if (count <= b->capacity - b->length)
        return true;
    size_t wanted = b->capacity ? b->capacity : 64;
    while (wanted - b->length < count) {
        if (wanted > SIZE_MAX / 4) {
            b->failed = true;
            return false;
        }
        wanted *= 2;
    }
    char *data = realloc(b->data, wanted);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = wanted;
    return true;
}

void *buffer_grow(struct buffer *b, size_t count)
{
    if (!reserve(b, count ? count : 1))
        return NULL;
    void *start = b->data + b->length;
    b->length += count;
    return start;
}

void buffer_append(struct buffer *b, const void *data, size_t count)
{
    if (count == 0)
        return;
    void *start = buffer_extend(b, count);
    if (start)
        memcpy(start, data, count);
}

void buffer_text(struct buffer *b, const char *text)
{
    buffer_append(b, text, strlen(text));
}

void buffer_char(struct buffer *b, char c)
{
    buffer_append(b, &c, 1);
}

void buffer_formatv(struct buffer *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        b->failed = true;
    else if (reserve(b, (size_t)length + 1)) {
        vsnprintf(b->data + b->length, (size_t)length + 1, format, again);
        b->length += (size_t)length;
    }
    va_end(again);
}

void buffer_format(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_formatv(b, format, args);
    va_end(args);
}

void buffer_align(struct buffer *b, size_t alignment)
{
    size_t odd = b->length & (alignment - 1);
    if (odd == 0)
        return;
    void *start = buffer_extend(b, alignment - odd);
    if (start)
        memset(start, 0, alignment - odd);
}

char *buffer_take_string(struct buffer *b, br_error *err)
{
    buffer_char(b, '\0');
    if (b->failed) {
        buffer_finish(b);
        br_error_nomem(err);
        return NULL;
    }
    char *text = b->data;
    *b = BUFFER_EMPTY;
    return text;
}

int buffer_check(const struct buffer *b, br_error *err)
{
    return b->failed ? br_error_nomem(err) : 0;
}
