// SPDX-License-Identifier: BSD-3-Clause
// The processors of a machine, read by hwloc. No other file uses hwloc.
#ifndef BR_EXEC_TOPOLOGY_H
#define BR_EXEC_TOPOLOGY_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/plan.h"

// Appends hwloc's version and that of the loaded library's interface: "2.9.0 (interface 2.7.0)".
void topology_version(struct buffer *out);

// Reads the machine that this process runs on. `allowed` is set for the PUs that the calling
// thread, and so its children, may use: those of its affinity mask that hwloc allows too. Takes one
// to a few milliseconds and moves no thread. Returns 0 and *out, which machine_finish frees; or -1
// and *err: BR_ERR_SYSTEM also if a PU or a NUMA node has an index of CPUSET_MAX or more.
//
// HWLOC_XMLFILE and some other variables make hwloc describe a recorded machine instead of this
// one. In a process with one thread they are ignored. In a process with several threads, which
// cannot change its environment safely, they are refused (BR_ERR_USAGE) before hwloc reads them.
int topology_load(struct machine *out, br_error *err);

// Returns the errno with which the kernel, or the seccomp profile of a container, refuses to bind
// processes to CPUs; 0 if it does not.
int topology_unbindable(void);

// The same as topology_load for a machine that an hwloc XML file or a synthetic description
// describes, for tests and `batchrun topo`. All PUs that hwloc allows are allowed. BR_ERR_USAGE if
// it is not such a file or description.
int topology_load_xml(const char *path, struct machine *out, br_error *err);
int topology_load_synthetic(const char *description, struct machine *out, br_error *err);

#endif
