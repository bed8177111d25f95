// SPDX-License-Identifier: BSD-3-Clause
// The text of a cell, in the same form everywhere: in result files, command lines and messages.
// Pure.
#ifndef BR_MODEL_CELL_TEXT_H
#define BR_MODEL_CELL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/exact.h"
#include "model/schema.h"

// Room for the text of a number or a bool, with its NUL.
struct cell_room {
    char data[DECIMAL_TEXT_MAX + 1];
};

// Returns the text of a cell, with a NUL after its *length bytes: the shortest decimal that reads
// back exactly, "true" or "false", or the bytes of a str or bytes cell. It lies in *room, or where
// the cell's text is.
const char *cell_text(const struct cell *cell, struct cell_room *room, size_t *length);

// Returns whether that text is `text`, which must be a text that reads as the cell. This is much
// faster than cell_text for a number as people and programs usually write it.
bool cell_prints_as(const struct cell *cell, const char *text, size_t length);

#endif
