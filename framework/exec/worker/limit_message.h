// SPDX-License-Identifier: BSD-3-Clause
// The message of a task that is over a limit. The worker finds that its task printed too much, the
// executor finds everything else; both write it here.
#ifndef BR_EXEC_WORKER_LIMIT_MESSAGE_H
#define BR_EXEC_WORKER_LIMIT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum limit_kind {
    LIMIT_MEMORY,   // bytes
    LIMIT_OUTPUT,   // bytes
    LIMIT_CPU_TIME, // nanoseconds
};

// Writes the message into `message`, which has `size` bytes; it is cut if it does not fit.
void limit_message(char *message, size_t size, enum limit_kind kind, uint64_t used, uint64_t limit);

#endif
