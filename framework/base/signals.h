// SPDX-License-Identifier: BSD-3-Clause
// Signals by name.
#ifndef BR_BASE_SIGNALS_H
#define BR_BASE_SIGNALS_H

#include "base/buffer.h"

// Appends "SIGSEGV (segmentation fault)", "SIGRTMIN+3" or "signal 99".
void signal_describe(struct buffer *out, int signal);

// What ended a process, by its status as from waitpid: as above, or "exit(3) was called".
void signal_describe_end(struct buffer *out, int wait_status);

// "SIGSEGV", or NULL for a signal without a name of its own.
const char *signal_name(int signal);

#endif
