// SPDX-License-Identifier: BSD-3-Clause
#include "exec/worker/children.h"

#include "exec/crash/symbols.h"
#include "exec/plugin/plugin.h"
#include "exec/worker/worker.h"

nursery_entry *const nursery_children[NURSERY_CHILDREN] = {
    [NURSERY_WORKER] = worker_main,
    [NURSERY_INSPECTION] = inspect_child,
    [NURSERY_SYMBOLS] = symbols_child,
};
