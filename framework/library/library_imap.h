// SPDX-License-Identifier: BSD-3-Clause
// The iterators of <batchrun/pool.h>: items are taken from the caller as workers need them.
#ifndef BR_LIBRARY_LIBRARY_IMAP_H
#define BR_LIBRARY_LIBRARY_IMAP_H

#include "library/library_state.h"

// Frees the iterators of a pool that ends; all their calls must have ended.
void library_free_imaps(br_pool *p);

#endif
