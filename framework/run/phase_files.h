// SPDX-License-Identifier: BSD-3-Clause
// The result files of a phase.
#ifndef BR_RUN_PHASE_FILES_H
#define BR_RUN_PHASE_FILES_H

#include "run/phase.h"

// Writes the phase's rows or its reduced row, and with `keep_results` both. If an earlier process
// has done the phase, only missing files are written. Returns -1 and *err if a file cannot be
// written.
int phase_write_results(struct phase *p, br_error *err);

// Sets *there to whether all result files of the phase exist. A reduction that failed has none.
// Returns -1 and *err if memory runs out.
int phase_has_files(const struct phase *p, bool *there, br_error *err);

// Removes the phase's result files in the run's directory, if there are any. A file that the job
// names as `output` stays. Returns -1 and *err if memory runs out or a file cannot be removed.
int phase_remove_files(const struct phase *p, br_error *err);

// Appends a line if the file that the job names as `output` exists, but holds other rows than those
// of the phase, which has ended without a result.
void phase_describe_old_output(const struct phase *p, struct buffer *out);

#endif
