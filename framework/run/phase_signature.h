// SPDX-License-Identifier: BSD-3-Clause
// Hashes of what must be the same for a phase's rows to stay when a changed job is accepted.
#ifndef BR_RUN_PHASE_SIGNATURE_H
#define BR_RUN_PHASE_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "run/prepare.h"

// Returns a hash of a phase's task, its signature, its batch, the number that its seeds are made
// from, and the name of the phase that it reads from. Inputs, `args` and the plugin's code are not
// part of it.
uint64_t phase_signature(const struct prepared *p, size_t place);

// Returns the same for the reduction of a phase that has one; `name` is that of the reduction,
// "areas (reduce)".
uint64_t phase_reduction_signature(const struct prepared *p, size_t place, const char *name);

#endif
