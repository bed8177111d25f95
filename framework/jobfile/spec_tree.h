// SPDX-License-Identifier: BSD-3-Clause
// Parses YAML text into a tree of nodes. Refuses what a job file does not have: anchors, aliases,
// tags, several documents, duplicate keys, and anything beyond the limits.
#ifndef BR_JOBFILE_SPEC_TREE_H
#define BR_JOBFILE_SPEC_TREE_H

#include "jobfile/spec_node.h"

enum {
    TREE_DEPTH_MAX = 32,
    TREE_NODES_MAX = 100000,
    TREE_SCALAR_MAX = 64 * 1024, // bytes
};

// Parses one document into *t and returns its root, which the tree owns. Returns NULL if there is
// none: the errors are in *d, or t->failed is set. A text with duplicate keys gives a tree and
// errors. `option` is NULL for the job file, else the path of the --set that messages and nodes
// name.
struct node *spec_tree_parse(struct tree *t, const char *text, size_t length, const char *option,
                             struct diagnostics *d);

#endif
