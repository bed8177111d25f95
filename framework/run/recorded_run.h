// SPDX-License-Identifier: BSD-3-Clause
// A run that its journal records, finished or not: its job, and the inputs of its phases made
// again. Calls for one run come from one thread.
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
    char *job_file;                  // absolute; paths in the job are relative to its directory
    char **sets;                     // arguments of --set, each cut in two: "key\0value"
    struct spec_override *overrides; // borrow from `sets`
    size_t override_count;
};

// Reads the journal of the run in the directory `run` (NULL: the newest run in the current
// directory). Returns -1 and *err if it cannot be read or is empty. *out is to be closed in every
// case.
int recorded_run_open(struct recorded_run *out, const char *run, br_error *err);
void recorded_run_close(struct recorded_run *p);

// Prepares the job as it was run, without reading standard input. Starts *nursery, which must be
// NURSERY_NONE; the caller stops it in every case. Returns -1 and *err on failure;
// all errors in the job are one error of many lines. *out is to be finished in every case.
int recorded_run_prepare(const struct recorded_run *p, struct nursery *nursery,
                         struct prepared *out, br_error *err);

// Makes the image of the phase's input table in *image, which must be empty; rows that it reads
// from another phase come from the journal. Returns -1 and *err; BR_ERR_USAGE if the inputs cannot
// be made again because they came from standard input or from a phase that was reduced.
int recorded_run_inputs(const struct recorded_run *p, struct prepared *prepared, size_t phase,
                        struct buffer *image, br_error *err);

// Makes the image of the table that the phase gives to phases that read from it: the rows of its
// tasks that succeeded. Returns as recorded_run_inputs.
int recorded_run_given(const struct recorded_run *p, struct prepared *prepared, size_t phase,
                       struct buffer *image, br_error *err);

#endif
