// SPDX-License-Identifier: BSD-3-Clause
// A machine and a plan as text, for the commands `topo` and `plan`. Numbers of packages, L3s and
// cores are hwloc's logical ones; CPUs are the system's, as taskset and the journal have them.
#ifndef BR_VIEWS_PLAN_VIEW_H
#define BR_VIEWS_PLAN_VIEW_H

#include "base/buffer.h"
#include "model/plan.h"

// Draws the machine and, where `p` is not NULL, which workers may run where; at most `columns` wide
// where single words allow. Up to 32 cores are drawn each, more as a line for each L3, NUMA node or
// package, whichever is the finest that stays short. CPUs in parentheses are not allowed.
void plan_view_topology(struct buffer *out, const struct machine *m, const struct plan *p,
                        unsigned columns);

// Lists the workers with their CPUs, NUMA nodes and width. Where there are more than 32, a run of
// workers each of which is placed like the one before but some CPUs further is folded.
void plan_view_slots(struct buffer *out, const struct plan *p);

#endif
