// SPDX-License-Identifier: BSD-3-Clause
#include "operands.h"

#include <sys/stat.h>

#include "output.h"
#include "run/run.h"

const char *only_operand(const struct command *command, char **argv, int count, br_error *err)
{
    if (count == 1)
        return argv[0];
    if (count == 0)
        br_error_set(err, BR_ERR_USAGE, "which job? batchrun %s job.yaml", command->name);
    else
        br_error_set(err, BR_ERR_USAGE, "expected one job file, but %s and %s were given", argv[0],
                     argv[1]);
    return NULL;
}

int optional_run(char **argv, int count, const char **path, br_error *err)
{
    if (count > 1)
        return br_error_set(err, BR_ERR_USAGE, "expected one run, but %s and %s were given",
                            argv[0], argv[1]);
    *path = count == 1 ? argv[0] : NULL;
    return 0;
}

int optional_run_and_task(char **argv, int count, const char **path, struct task_name *task,
                          bool *has_task, br_error *err)
{
    // A run's directory may have a # in its name, so a single operand that is there is one.
    struct stat st;
    *has_task = count > 0 && task_name_parse(argv[count - 1], task) &&
                (count > 1 || stat(argv[0], &st) != 0);
    if (count > 1 && !*has_task)
        return br_error_set(err, BR_ERR_USAGE,
                            "%s is not a task: write PHASE#INDEX, such as areas#17",
                            argv[count - 1]);
    return optional_run(argv, count - *has_task, path, err);
}

static int prepare_and_show(const char *path, void (*show)(const struct prepared *))
{
    struct nursery nursery = NURSERY_NONE;
    struct prepared prepared;
    int status = run_prepare(path, NULL, 0, &nursery, true, &prepared);
    if (status == RUN_OK) {
        show(&prepared);
        prepared_finish(&prepared);
        status = finish_output(status);
    }
    nursery_stop(&nursery);
    return status;
}

int look_at_job(const struct command *command, int argc, char **argv,
                void (*show)(const struct prepared *), int (*without)(void))
{
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(command, NULL, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (operands == 0 && without)
        return without();
    const char *path = only_operand(command, argv, operands, &err);
    return path ? prepare_and_show(path, show) : report_error(&err);
}
