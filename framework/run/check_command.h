// SPDX-License-Identifier: BSD-3-Clause
// Checks the command lines and the settings of phases of the plugin `command` before they run.
#ifndef BR_RUN_CHECK_COMMAND_H
#define BR_RUN_CHECK_COMMAND_H

#include "base/error.h"
#include "jobfile/diagnostic.h"
#include "model/job.h"
#include "model/schema.h"
#include "model/table.h"

// Adds to *d the errors in the templates of job->phases[phase] and in the names of the variables
// that its shell would get, each at its place in the job file, or with the row that has it. Does
// nothing for a phase of another plugin. `columns` are the columns of the phase, with the settings
// in its `args`. `table` has its rows; NULL if they are not known yet: then a command line that is
// a column is not checked. Takes time in proportion to the different cells of that column.
void check_command(const struct job *job, size_t phase, const struct schema *columns,
                   const struct table *table, struct diagnostics *d);

#endif
