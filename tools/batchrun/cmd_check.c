// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "commands.h"
#include "run/run.h"

static int main_check(int argc, char **argv)
{
    int operands;
    bool helped;
    br_error err = {0};
    const char *path;
    struct nursery nursery;
    struct prepared prepared;
    if (options_parse(&command_check, NULL, 0, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (!(path = only_operand(&command_check, argv, operands, &err)) ||
        nursery_start(&nursery, &err) != 0)
        return report_error(&err);
    int status = run_prepare(path, NULL, 0, &nursery, true, &prepared);
    if (status == RUN_OK) {
        printf("%s: no mistakes found: %zu phase%s, %zu worker%s\n", path,
               prepared.job->phase_count, prepared.job->phase_count == 1 ? "" : "s",
               prepared.plan.slot_count, prepared.plan.slot_count == 1 ? "" : "s");
        prepared_finish(&prepared);
        status = finish_output(status);
    }
    nursery_stop(&nursery);
    return status;
}

const struct command command_check = {
    "check", "job.yaml", "find every mistake that can be found without running",
    "Looks at the job file, the plugins and their tasks, the inputs, and the cores. Starts no "
    "worker.\n"
    "Plugins are looked into in a process of their own. Standard input is not read.\n",
    main_check};
