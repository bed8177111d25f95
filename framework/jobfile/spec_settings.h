// SPDX-License-Identifier: BSD-3-Clause
// The settings of a job file without its layout and comments, to tell whether two files mean the
// same.
#ifndef BR_JOBFILE_SPEC_SETTINGS_H
#define BR_JOBFILE_SPEC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

// Appends a line for each value of the job file `text`, which has no errors, in the order of the
// file. Settings whose path `leaves_out` are not appended; the path of a phase's key is
// "phases.*.timeout". Returns -1 and *err if memory runs out.
int spec_settings(const char *text, size_t length, bool (*leaves_out)(const char *path),
                  struct buffer *out, br_error *err);

#endif
