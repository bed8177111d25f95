// SPDX-License-Identifier: BSD-3-Clause
// Values as bytes for another process of this machine: written to a buffer in order, read back in
// the same order. A read past the end sets `bad` and returns zeros from then on, so a reader checks
// once at the end.
#ifndef BR_BASE_WIRE_H
#define BR_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// Each appends a value. A NULL text reads back as NULL, an empty one as "".
void wire_put(struct buffer *out, uint64_t value);
void wire_put_bytes(struct buffer *out, const void *data, size_t size);
void wire_put_text(struct buffer *out, const char *text);

struct wire {
    const char *at; // next byte to read; borrowed
    size_t left;
    bool bad;
};

// Returns the next value.
uint64_t wire_get(struct wire *w);

// Copies the next value, `size` bytes by wire_put_bytes, to *out. If it has another size, sets
// `bad` and *out to zeros.
void wire_get_bytes(struct wire *w, void *out, size_t size);

// Returns a text inside the bytes that are read, NUL-terminated; NULL if NULL was written or the
// bytes are bad.
const char *wire_get_text(struct wire *w);

#endif
