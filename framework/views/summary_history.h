// SPDX-License-Identifier: BSD-3-Clause
// What a summary says of the past of a run: that it is a try, the changes that were accepted, and
// which tasks of each phase come from before and after them.
#ifndef BR_VIEWS_SUMMARY_HISTORY_H
#define BR_VIEWS_SUMMARY_HISTORY_H

#include "base/json.h"
#include "views/summary.h"

// Writes what a whole run without acceptances does not have into the object that is open in `j`:
// "part" of a try, and the array "accepted".
void summary_history_json(const struct summary *s, struct json *j);

// Writes the same for a phase: "whole_tasks" of a try, and the array "made_by", its tasks that
// succeeded by the number of changes that were accepted before they ran.
void summary_made_json(const struct summary *s, const struct summary_phase *p, struct json *j);

#endif
