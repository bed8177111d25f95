// SPDX-License-Identifier: BSD-3-Clause
#include "base/wire.h"

#include <string.h>

void wire_put(struct buffer *out, uint64_t value)
{
    buffer_append(out, &value, sizeof value);
}

void wire_put_bytes(struct buffer *out, const void *data, size_t size)
{
    wire_put(out, size);
    buffer_append(out, data, size);
}

void wire_put_text(struct buffer *out, const char *text)
{
    if (text)
        wire_put_bytes(out, text, strlen(text) + 1);
    else
        wire_put(out, 0);
}

static const void *take(struct wire *w, size_t size)
{
    if (w->bad || size > w->left) {
        w->bad = true;
        return NULL;
    }
    const void *at = w->at;
    w->at += size;
    w->left -= size;
    return at;
}

uint64_t wire_get(struct wire *w)
{
    uint64_t value = 0;
    const void *at = take(w, sizeof value);
    if (at)
        memcpy(&value, at, sizeof value);
    return value;
}

void wire_get_bytes(struct wire *w, void *out, size_t size)
{
    const void *at = wire_get(w) == size ? take(w, size) : NULL;
    if (at)
        memcpy(out, at, size);
    else {
        w->bad = true;
        memset(out, 0, size);
    }
}

const char *wire_get_text(struct wire *w)
{
    uint64_t size = wire_get(w);
    if (size == 0)
        return NULL;
    const char *text = take(w, size);
    if (text && text[size - 1] != '\0') {
        w->bad = true;
        text = NULL;
    }
    return text;
}
