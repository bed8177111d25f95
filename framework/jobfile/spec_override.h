// SPDX-License-Identifier: BSD-3-Clause
// Puts the values of --set into the job file's tree before it is read.
#ifndef BR_JOBFILE_SPEC_OVERRIDE_H
#define BR_JOBFILE_SPEC_OVERRIDE_H

#include "jobfile/spec.h"
#include "jobfile/spec_tree.h"

// Sets one value. Mistakes go to *d; t->failed when out of memory.
void spec_override_apply(struct tree *t, struct node *root, const struct spec_override *override,
                         struct diagnostics *d);

#endif
