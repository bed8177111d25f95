// SPDX-License-Identifier: BSD-3-Clause
// A machine and a plan as text, for the commands `topo` and `plan`. Packages, L3s and cores have
// hwloc's logical numbers; CPUs have those of the system, like in taskset and the journal. Pure
// functions; if memory runs out, out->failed is set.
#ifndef BR_VIEWS_PLAN_VIEW_H
#define BR_VIEWS_PLAN_VIEW_H

#include "base/buffer.h"
#include "model/plan.h"

// Draws the machine and, unless `p` is NULL, which workers may run where. Lines are at most
// `columns` wide unless a single word is longer. Up to 32 cores are drawn one by one. A larger
// machine gets a line for each L3, NUMA node or package, whichever is the finest that keeps the
// drawing short. CPUs in parentheses are not allowed to this process.
void plan_view_topology(struct buffer *out, const struct machine *m, const struct plan *p,
                        unsigned columns);

// Lists the workers with their CPUs, NUMA nodes and width. If there are more than 32, consecutive
// workers whose CPUs differ by a constant step share a line.
void plan_view_slots(struct buffer *out, const struct plan *p);

#endif
