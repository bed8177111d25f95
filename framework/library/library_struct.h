// SPDX-License-Identifier: BSD-3-Clause
// Structs of <batchrun/pool.h> as they pass between a program and this library, which may have been
// built with different versions of the header. Structs grow only at their end.
#ifndef BR_LIBRARY_LIBRARY_STRUCT_H
#define BR_LIBRARY_LIBRARY_STRUCT_H

#include <stddef.h>

#include "base/error.h"

// Copies the program's struct, of from_size bytes, to `to`, of `size` bytes. Members that the
// program does not know become zero, and so does everything if `from` is NULL. Returns 0; -1 and
// *err (BR_ERR_USAGE) if the program has set a member that this library does not know.
int library_take_struct(void *to, size_t size, const void *from, size_t from_size, br_error *err);

// Copies `from`, of `size` bytes, to the program's struct, of to_size bytes. Members that this
// library does not know become zero.
void library_give_struct(void *to, size_t to_size, const void *from, size_t size);

#endif
