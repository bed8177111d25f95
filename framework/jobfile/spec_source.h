// SPDX-License-Identifier: BSD-3-Clause
// Checks the bytes of a job file before a YAML parser reads them.
#ifndef BR_JOBFILE_SPEC_SOURCE_H
#define BR_JOBFILE_SPEC_SOURCE_H

#include "jobfile/diagnostic.h"

enum {
    SPEC_FILE_MAX = 1024 * 1024 // bytes of a job file
};

// Adds an error for text that is not UTF-8 and for hidden characters. Returns 0 if the text can be
// parsed, also with such errors; -1 if it cannot.
int spec_source_check(struct diagnostics *d);

#endif
