// SPDX-License-Identifier: BSD-3-Clause
// Shows a machine and a plan as text, for the commands `topo` and `plan`. Packages, L3s and cores
// have hwloc's logical numbers; CPUs have the system's, as in taskset and the journal.
#ifndef BR_VIEWS_PLAN_VIEW_H
#define BR_VIEWS_PLAN_VIEW_H

#include "base/buffer.h"
#include "model/plan.h"

// Draws the machine and, unless `p` is NULL, which workers may run on which CPUs. Lines are at most
// `columns` wide if single words allow. Up to 32 cores are drawn one by one; more as a line for
// each L3, NUMA node or package, the finest of these that stays short. CPUs in parentheses are not
// allowed.
void plan_view_topology(struct buffer *out, const struct machine *m, const struct plan *p,
                        unsigned columns);

// Lists the workers with their CPUs, NUMA nodes and width. If there are more than 32, workers that
// follow each other and are placed alike, each a fixed number of CPUs after the one before, are one
// line.
void plan_view_slots(struct buffer *out, const struct plan *p);

#endif
