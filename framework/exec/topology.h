// SPDX-License-Identifier: BSD-3-Clause
// This machine, as hwloc sees it. The only user of hwloc.
#ifndef BR_EXEC_TOPOLOGY_H
#define BR_EXEC_TOPOLOGY_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/plan.h"

// Appends hwloc's version: "2.9.0", and that of the loaded library's interface.
void topology_version(struct buffer *out);

// Reads the machine batchrun runs on. Allowed is what the calling thread (and so what it forks) may
// use: its affinity mask and hwloc's allowed set. No thread is moved. About a millisecond, on
// machines of any size a few.
//
// HWLOC_XMLFILE and others of hwloc's variables replace the machine by a picture of one, which need
// not be true: in a process of one thread they are ignored. In one of several, where the
// environment cannot be changed safely, they are refused (BR_ERR_USAGE) before hwloc reads any of
// it. BR_ERR_SYSTEM where a PU or a node has an index of CPUSET_MAX or more.
int topology_load(struct machine *out, br_error *err);

// As topology_load, from an hwloc XML file or a synthetic description (for tests and `topo`); every
// PU hwloc allows is allowed. BR_ERR_USAGE where it is not one.
int topology_load_xml(const char *path, struct machine *out, br_error *err);
int topology_load_synthetic(const char *description, struct machine *out, br_error *err);

#endif
