// SPDX-License-Identifier: BSD-3-Clause
// The command `show`: prints what happened in a run, or to one of its tasks.
#include "commands.h"
#include "operands.h"
#include "output.h"
#include "views/show.h"

struct arguments {
    bool failed;
    const char *path;
    struct task_name task;
    bool has_task;
};

static const struct option options[] = {
    {"failed", 0, NULL, OPTION_FLAG, offsetof(struct arguments, failed),
     "list every task that failed, one per line", NULL},
};

static int show(const struct arguments *a, br_error *err)
{
    struct rundir run;
    if (rundir_open(&run, a->path, err) != 0)
        return -1;
    struct buffer text = BUFFER_EMPTY;
    int result = a->failed     ? show_failed(&run, print_piece, err)
                 : a->has_task ? show_task(&run, &a->task, &text, err)
                               : show_run(&run, &text, err);
    if (result == 0 && text.length > 0)
        result = print_piece(&text, err);
    buffer_finish(&text);
    rundir_finish(&run);
    return result;
}

static int main_show(int argc, char **argv)
{
    struct arguments a = {0};
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(&command_show, &a, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (optional_run_and_task(argv, operands, &a.path, &a.task, &a.has_task, &err) != 0)
        return report_error(&err);
    if (a.failed && a.has_task) {
        br_error_set(&err, BR_ERR_USAGE,
                     "--failed lists every task that failed: leave out --failed or %s",
                     argv[operands - 1]);
        return report_error(&err);
    }
    return finish_printing(show(&a, &err), &err);
}

const struct command command_show = {
    .name = "show",
    .operands = "[RUN] [PHASE#INDEX]",
    .summary = "show what happened in a run, or to one of its tasks",
    .details = "RUN is a run directory (default: the newest in the current directory). The run may "
               "still be\n"
               "running.\n"
               "\n"
               "Examples:\n"
               "  batchrun show\n"
               "  batchrun show circles.run areas#17\n"
               "  batchrun show --failed | sort | head\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = main_show,
};
