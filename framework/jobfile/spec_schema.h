// SPDX-License-Identifier: BSD-3-Clause
// The JSON Schema (draft 7) of a job file, for editors, made from the tables that read it. It
// describes the form of each value, not how values depend on each other: a file that it refuses has
// errors, and a file that it accepts may have some.
#ifndef BR_JOBFILE_SPEC_SCHEMA_H
#define BR_JOBFILE_SPEC_SCHEMA_H

#include "base/buffer.h"

// Appends the schema as indented JSON.
void spec_schema_write(struct buffer *out);

#endif
