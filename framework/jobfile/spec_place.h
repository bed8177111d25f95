// SPDX-License-Identifier: BSD-3-Clause
// Finds the place of a character of a value in the job file.
#ifndef BR_JOBFILE_SPEC_PLACE_H
#define BR_JOBFILE_SPEC_PLACE_H

#include "jobfile/diagnostic.h"

// Returns the position in the job file of byte `offset` of a scalar's text. The scalar begins at
// `begin`: plain, in quotes, or a block (| or >). Returns `begin` if the text cannot be followed
// there, and if it did not come from the file (line 0).
struct mark spec_place_within(const struct diagnostics *d, struct mark begin, const char *text,
                              size_t offset);

#endif
