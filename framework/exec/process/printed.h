// SPDX-License-Identifier: BSD-3-Clause
// What a process printed before it ended, as a part of a message.
#ifndef BR_EXEC_PROCESS_PRINTED_H
#define BR_EXEC_PROCESS_PRINTED_H

#include <stdint.h>

#include "base/buffer.h"

// Appends "; it printed: TEXT" if the file behind `fd` has text after the byte `from`: its first
// lines, joined by " / ", and its last one if there are too many. `fd` need not be open for
// reading. Appends nothing if nothing was printed or it cannot be read.
void printed_describe(struct buffer *out, int fd, int64_t from);

#endif
