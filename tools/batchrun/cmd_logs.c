// SPDX-License-Identifier: BSD-3-Clause
// The command `logs`: prints the output of tasks.
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "journal/replay.h"
#include "operands.h"
#include "output.h"
#include "views/log_view.h"

static int print_logs(const char *path, const struct task_name *task, br_error *err)
{
    struct rundir run;
    if (rundir_open(&run, path, err) != 0)
        return -1;
    struct log_view view;
    struct event_sink *sink = &view.sink;
    log_view_init(&view, run.logs_path, task, isatty(STDOUT_FILENO), print_piece);
    int result = replay(&run, &sink, 1, err);
    if (result == 0 && task && !view.found)
        result =
            br_error_set(err, BR_ERR_USAGE, "the run in %s has no task %.*s#%llu yet", run.path,
                         (int)task->phase_length, task->phase, (unsigned long long)task->index);
    log_view_finish(&view);
    rundir_finish(&run);
    return result;
}

static int main_logs(int argc, char **argv)
{
    int operands;
    bool helped, has_task;
    const char *path;
    struct task_name task;
    br_error err = {0};
    if (options_parse(&command_logs, NULL, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (optional_run_and_task(argv, operands, &path, &task, &has_task, &err) != 0)
        return report_error(&err);
    return finish_printing(print_logs(path, has_task ? &task : NULL, &err), &err);
}

const struct command command_logs = {
    .name = "logs",
    .operands = "[RUN] [PHASE#INDEX]",
    .summary = "print the output of tasks",
    .details = "RUN is a run directory (default: the newest in the current directory). Each line "
               "begins with\n"
               "its task, unless PHASE#INDEX chooses one.\n"
               "\n"
               "Examples:\n"
               "  batchrun logs circles.run\n"
               "  batchrun logs areas#17\n",
    .run = main_logs,
};
