// SPDX-License-Identifier: BSD-3-Clause
// The executor whose workers are processes of this machine.
#ifndef BR_EXEC_LOCAL_LOCAL_H
#define BR_EXEC_LOCAL_LOCAL_H

#include "exec/executor.h"
#include "exec/local/local_options.h"

// Creates the executor; starts no worker. Returns NULL and *err if memory or descriptors ran out,
// or the nursery has ended.
struct executor *local_create(const struct local_options *options, br_error *err);

// Appends by which means limits.memory is enforced; nothing without that limit.
void local_describe_limits(const struct executor *ex, struct buffer *out);

// Returns the pid of a slot's worker, or 0 if there is none or it is not known yet.
int local_pid(const struct executor *ex, unsigned slot);

#endif
