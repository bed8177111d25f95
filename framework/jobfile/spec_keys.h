// SPDX-License-Identifier: BSD-3-Clause
// Every key of a job file: its type, limits, an example and one line of help. The tables are what
// the reader follows; the JSON Schema and the manual are made from them too.
#ifndef BR_JOBFILE_SPEC_KEYS_H
#define BR_JOBFILE_SPEC_KEYS_H

#include "jobfile/spec_types.h"

extern const struct spec_table spec_job_table;        // into struct job
extern const struct spec_table spec_plugin_table;     // into struct job_plugin
extern const struct spec_table spec_phase_table;      // into struct job_phase
extern const struct spec_table spec_workers_table;    // into struct job_workers
extern const struct spec_table spec_limits_table;     // into struct job_limits
extern const struct spec_table spec_timeout_table;    // into struct time_limits
extern const struct spec_table spec_retries_table;    // into struct retry_policy
extern const struct spec_table spec_backoff_table;    // into struct retry_policy
extern const struct spec_table spec_on_failure_table; // into struct job_on_failure
extern const struct spec_table spec_reduce_table;     // into struct job_reduce
extern const struct spec_table spec_command_table;    // into struct job_settings
extern const struct spec_table spec_inputs_table;     // into struct job_inputs
extern const struct spec_table spec_axis_table;       // the inputs that can be an axis of a matrix
extern const struct spec_table spec_range_table;      // into struct job_inputs

#endif
