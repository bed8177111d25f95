// SPDX-License-Identifier: BSD-3-Clause
// A run that has been, or is going on: its job, and the inputs of its phases made again.
#ifndef BR_RUN_RECORDED_RUN_H
#define BR_RUN_RECORDED_RUN_H

#include "base/buffer.h"
#include "base/error.h"
#include "exec/process/nursery.h"
#include "jobfile/spec.h"
#include "journal/rundir.h"
#include "run/prepare.h"

struct recorded_run {
    struct rundir dir;
    char *job_file; // absolute: what its paths are relative to
    char **sets;    // what --set said: "key\0value" cut in two
    struct spec_override *overrides;
    size_t override_count;
};

// `run` is its directory, or NULL for the newest run in the current directory. *out is to be closed
// in every case.
int recorded_run_open(struct recorded_run *out, const char *run, br_error *err);
void recorded_run_close(struct recorded_run *p);

// The job as it was run, looked at as for `check`. Mistakes are one error of many lines.
int recorded_run_prepare(const struct recorded_run *p, struct nursery *nursery,
                         struct prepared *out, br_error *err);

// Appends the image of the phase's input table to *image, which must be empty; what it reads from
// another phase comes from the journal. BR_ERR_USAGE where it cannot be had again: from standard
// input, or from a phase that was reduced.
int recorded_run_inputs(const struct recorded_run *p, struct prepared *prepared, size_t phase,
                        struct buffer *image, br_error *err);

#endif
