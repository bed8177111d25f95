// SPDX-License-Identifier: BSD-3-Clause
// The message of a task that is over a limit. The worker notices that its task has printed too
// much, the executor notices everything else.
#ifndef BR_EXEC_WORKER_LIMIT_MESSAGE_H
#define BR_EXEC_WORKER_LIMIT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum limit_kind {
    LIMIT_MEMORY,   // bytes
    LIMIT_PRINTED,  // bytes
    LIMIT_CPU_TIME, // nanoseconds
};

// Writes the message, NUL-terminated, into `message`, which has `size` bytes. It is cut if it does
// not fit. `used` and `limit` are in the unit of the kind.
void limit_message(char *message, size_t size, enum limit_kind kind, uint64_t used, uint64_t limit);

#endif
