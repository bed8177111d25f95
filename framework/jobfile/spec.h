// SPDX-License-Identifier: BSD-3-Clause
// Reads a job file into a job.
#ifndef BR_JOBFILE_SPEC_H
#define BR_JOBFILE_SPEC_H

#include "base/error.h"
#include "jobfile/diagnostic.h"
#include "jobfile/spec_override.h"
#include "model/job.h"

// Reads and checks the job in `path`. Returns the job, which the caller destroys, or NULL and *err.
// If the file was read, its errors are in *d and *err has their number. The function initialises
// *d; the caller finishes it in each case. No plugin and no input is read.
struct job *spec_load(const char *path, const struct spec_override *overrides,
                      size_t override_count, struct diagnostics *d, br_error *err);

// As spec_load, from memory. Messages call it `file`; paths in it are relative to `directory`.
struct job *spec_parse(const char *file, const char *directory, const char *text, size_t length,
                       const struct spec_override *overrides, size_t override_count,
                       struct diagnostics *d, br_error *err);

#endif
