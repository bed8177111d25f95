// SPDX-License-Identifier: BSD-3-Clause
// Checks that no phase writes its result file over a file that the job reads.
//
// A phase may write what another phase reads only if the other one must run after it. Files are the
// same if they are on one device and have one inode, however their paths are spelt; of a file that
// does not exist yet, the directory and the name count.
#ifndef BR_RUN_CHECK_FILES_H
#define BR_RUN_CHECK_FILES_H

#include "run/prepare.h"

// Adds an error to *d for each result file that would replace an input, a plugin or the job file,
// and for each that two phases write. Every phase of *p has its inputs loaded, if they do not come
// from a phase. Returns 0; -1 and *err when out of memory.
int check_files(const struct prepared *p, struct diagnostics *d, br_error *err);

#endif
