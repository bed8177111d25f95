// SPDX-License-Identifier: BSD-3-Clause
// YAML 1.2's core schema: what type a plain scalar has.
#ifndef BR_JOBFILE_SPEC_SCALAR_H
#define BR_JOBFILE_SPEC_SCALAR_H

#include "jobfile/spec_node.h"
#include "model/schema.h"

enum scalar_kind {
    SCALAR_NULL,
    SCALAR_BOOL,
    SCALAR_INTEGER,
    SCALAR_FLOAT,
    SCALAR_TEXT,
    SCALAR_LEADING_ZERO, // 0755: decimal in YAML 1.2, octal in 1.1; refused as a value
    SCALAR_TOO_LARGE,    // a number that does not fit i64 or f64
};

// The type of a scalar node, and its value in *out where it has one (BOOL, INTEGER, FLOAT, TEXT).
// Text points into the node.
enum scalar_kind spec_scalar_resolve(const struct node *node, struct cell *out);

#endif
