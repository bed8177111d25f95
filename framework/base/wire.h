// SPDX-License-Identifier: BSD-3-Clause
// Values as bytes for another process of this machine: written to a buffer in order, read back in
// the same order. A read past the end sets `bad` and gives zeros from then on, so a reader asks
// once.
#ifndef BR_BASE_WIRE_H
#define BR_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

void wire_put(struct buffer *out, uint64_t value);
void wire_put_bytes(struct buffer *out, const void *data, size_t size);
void wire_put_text(struct buffer *out, const char *text); // NULL is told from ""

struct wire {
    const char *at;
    size_t left;
    bool bad;
};

uint64_t wire_get(struct wire *w);

// Exactly `size` bytes into *out.
void wire_get_bytes(struct wire *w, void *out, size_t size);

// Text within the bytes read from, NUL-terminated; NULL where NULL was written, or when bad.
const char *wire_get_text(struct wire *w);

#endif
