// SPDX-License-Identifier: BSD-3-Clause
// The job file's bytes, looked at before a YAML parser sees them.
#ifndef BR_JOBFILE_SPEC_SOURCE_H
#define BR_JOBFILE_SPEC_SOURCE_H

#include "jobfile/diagnostic.h"

enum {
    SPEC_FILE_MAX = 1024 * 1024
};

// Refuses what is not UTF-8 text without hidden characters. 0 when the text can be parsed, -1 when
// not; mistakes that do not stand in a parser's way are added and 0 returned.
int spec_source_check(struct diagnostics *d);

#endif
