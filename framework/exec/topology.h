// SPDX-License-Identifier: BSD-3-Clause
// This machine, as hwloc sees it. The only user of hwloc.
#ifndef BR_EXEC_TOPOLOGY_H
#define BR_EXEC_TOPOLOGY_H

#include "base/error.h"
#include "model/plan.h"

// Reads the machine batchrun runs on, restricted to what this process may use: its affinity mask
// and hwloc's allowed set. Threads other than the caller need not be stopped; a few milliseconds.
int topology_load(struct machine *out, br_error *err);

// As topology_load, from an hwloc XML file or a synthetic description (for tests and `topo`); every
// PU hwloc allows is allowed.
int topology_load_xml(const char *path, struct machine *out, br_error *err);
int topology_load_synthetic(const char *description, struct machine *out, br_error *err);

#endif
