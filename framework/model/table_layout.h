// SPDX-License-Identifier: BSD-3-Clause
// The bytes of a table's image, for the reader (table.c) and the builder (table_builder.c).
//
// An image is the head, then the columns' cells as they were added, then the directory (one entry a
// column) and the names. All offsets count from the head; everything but text is 8-byte aligned.
//
//     i64, f64    8 bytes a cell
//     bool        1 byte a cell, not 0 = true
//     str, bytes  length + 1 offsets (64 bits) into the text that follows them; cell i is the bytes
//                 from offset i to offset i + 1, the last of which is a NUL
#ifndef BR_MODEL_TABLE_LAYOUT_H
#define BR_MODEL_TABLE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "model/schema.h"

#define TABLE_MAGIC "BRtable1" // its 8 characters, without a NUL

struct table_head {
    char magic[8];
    uint64_t size; // of the whole image
    uint64_t rows;
    uint64_t column_count;
    uint64_t directory; // offset
};

enum table_source {
    SOURCE_RANGE = 1, // first + row * step
    SOURCE_DIRECT,    // cell `row`: no division on the way
    SOURCE_REPEATED,  // cell row / divisor % length
};

struct table_column {
    uint32_t type;
    uint32_t source;
    uint64_t name; // offset of a NUL-terminated string
    union {
        struct {
            uint64_t divisor;
            uint64_t length;
            uint64_t cells; // offset
            uint64_t text;  // offset; str and bytes only
            uint64_t text_size;
        };
        struct {
            int64_t first_i64, step_i64;
        };
        struct {
            double first_f64, step_f64;
        };
    };
};

static inline size_t table_cell_size(uint32_t type)
{
    return type == BR_BOOL ? 1 : 8;
}

#endif
