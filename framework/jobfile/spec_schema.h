// SPDX-License-Identifier: BSD-3-Clause
// The JSON Schema (draft 7) of a job file, from the tables that read it: for editors. It knows a
// value's shape; what values mean to each other only the reader knows, so a file that it takes may
// still have mistakes, and one that it refuses has.
#ifndef BR_JOBFILE_SPEC_SCHEMA_H
#define BR_JOBFILE_SPEC_SCHEMA_H

#include "base/buffer.h"

void spec_schema_write(struct buffer *out);

#endif
