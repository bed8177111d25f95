// SPDX-License-Identifier: BSD-3-Clause
// Signals and ends of processes, by name.
#ifndef BR_BASE_SIGNALS_H
#define BR_BASE_SIGNALS_H

#include "base/buffer.h"

// Appends "SIGSEGV (segmentation fault)", "SIGRTMIN+3" or "signal 99".
void signal_describe(struct buffer *out, int signal);

// Appends what ended a process, by its wait status (waitpid): as signal_describe does, or "exit(3)
// was called".
void signal_describe_end(struct buffer *out, int wait_status);

// Returns "SIGSEGV", or NULL for a signal without a name of its own. The string is static.
const char *signal_name(int signal);

#endif
