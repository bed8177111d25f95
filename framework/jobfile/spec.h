// SPDX-License-Identifier: BSD-3-Clause
// Reads job.yaml into a job. The only user of libyaml.
#ifndef BR_JOBFILE_SPEC_H
#define BR_JOBFILE_SPEC_H

#include "base/error.h"
#include "jobfile/diagnostic.h"
#include "model/job.h"

// A `--set phases.areas.timeout=5s`: the value is one YAML scalar or flow collection. Both
// NUL-terminated.
struct spec_override {
    const char *path;
    const char *value;
};

// Reads, checks and returns the job in `path`, or NULL. A file that cannot be read at all is *err;
// mistakes in it are added to *d (which the caller has not initialised; finish it in every case)
// and *err then says how many there were. Nothing but the job file is read: no plugin, no input.
struct job *spec_load(const char *path, const struct spec_override *overrides,
                      size_t override_count, struct diagnostics *d, br_error *err);

// As spec_load, from memory; `file` names it in messages, `directory` is what its paths are
// relative to.
struct job *spec_parse(const char *file, const char *directory, const char *text, size_t length,
                       const struct spec_override *overrides, size_t override_count,
                       struct diagnostics *d, br_error *err);

#endif
