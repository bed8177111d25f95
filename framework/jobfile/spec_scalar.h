// SPDX-License-Identifier: BSD-3-Clause
// The type of a scalar, by the core schema of YAML 1.2.
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
    SCALAR_LEADING_ZERO, // 0755: decimal in YAML 1.2, octal in 1.1, so it is refused as a value
    SCALAR_TOO_LARGE,    // a number that does not fit i64 or f64
};

// Returns the type of a scalar node. For BOOL, INTEGER, FLOAT and TEXT *out is its value, whose
// text is borrowed from the node.
enum scalar_kind spec_scalar_resolve(const struct node *node, struct cell *out);

#endif
