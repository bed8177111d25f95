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
//
// A column of numbers or bools whose cells were written in other ways than they are printed has,
// after its cells, such offsets and text too: the cells as they were written.
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
    SOURCE_RANGE = 1, // i64: first + row * step; f64: that / 10^places
    SOURCE_DIRECT,    // cell `row`: no division on the way
    SOURCE_REPEATED,  // cell row / divisor % length
    SOURCE_DECIMAL,   // f64: (first + row * step) * 10^exponent, of many digits
};

// The f64 values of a SOURCE_RANGE are rounded once: first + row * step is exact as a double, and
// so is 10^places.
enum {
    TABLE_PLACES_MAX = 22
};

struct table_column {
    uint32_t type;
    uint32_t source;
    uint64_t name; // offset of a NUL-terminated string
    union {
        struct {
            uint64_t divisor;
            uint64_t length;
            uint64_t cells;     // offset; of the offsets of str and bytes
            uint64_t text;      // offset of a text; of the offsets of written numbers; 0: none
            uint64_t text_size; // in bytes, without offsets
        };
        struct {
            int64_t first, step;
            uint64_t places;
        };
        struct {
            uint64_t wide_first[2], wide_step[2]; // lower word first
            int64_t exponent;
        };
    };
};

static inline size_t table_cell_size(uint32_t type)
{
    return type == BR_BOOL ? 1 : 8;
}

#endif
