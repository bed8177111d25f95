// SPDX-License-Identifier: BSD-3-Clause
// The program's commands: one cmd_*.c each.
#ifndef BR_TOOLS_COMMANDS_H
#define BR_TOOLS_COMMANDS_H

#include "options.h"

extern const struct command command_run;
extern const struct command command_check;
extern const struct command command_plan;
extern const struct command command_topo;
extern const struct command command_task;
extern const struct command command_new;
extern const struct command command_show;
extern const struct command command_logs;
extern const struct command command_events;
extern const struct command command_report;
extern const struct command command_trace;

#endif
