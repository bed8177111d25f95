// SPDX-License-Identifier: BSD-3-Clause
// Puts the values of --set into the job file's tree before it is read.
#ifndef BR_JOBFILE_SPEC_OVERRIDE_H
#define BR_JOBFILE_SPEC_OVERRIDE_H

#include "jobfile/spec_node.h"

// A `--set phases.areas.timeout=5s`. The value is one YAML scalar or flow collection.
struct spec_override {
    const char *path;
    const char *value;
};

// Sets one value in the tree. Errors are added to *d; t->failed is set when out of memory. The path
// of `override` is borrowed as long as the tree.
void spec_override_apply(struct tree *t, struct node *root, const struct spec_override *override,
                         struct diagnostics *d);

#endif
