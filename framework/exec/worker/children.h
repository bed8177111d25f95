// SPDX-License-Identifier: BSD-3-Clause
// The functions that batchrun's own nurseries run in their children.
#ifndef BR_EXEC_WORKER_CHILDREN_H
#define BR_EXEC_WORKER_CHILDREN_H

#include "exec/process/nursery.h"

// By enum nursery_child.
extern nursery_entry *const nursery_children[NURSERY_CHILDREN];

#endif
