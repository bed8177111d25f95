// SPDX-License-Identifier: BSD-3-Clause
// The command `report`: writes an HTML page about a run.
#include <stdio.h>

#include "commands.h"
#include "operands.h"
#include "output.h"
#include "report/report.h"

struct arguments {
    const char *output;
};

static const struct option options[] = {OPTION_OUTPUT};

static int write_report(const char *path, const char *output)
{
    struct rundir d;
    struct buffer page = BUFFER_EMPTY;
    br_error err = {0};
    if (rundir_open(&d, path, &err) != 0)
        return report_error(&err);
    int result = report_write(&d, &page, &err);
    if (result == 0)
        result = write_view(&d, "report.html", output, &page, &err);
    buffer_finish(&page);
    rundir_finish(&d);
    return finish_printing(result, &err);
}

static int main_report(int argc, char **argv)
{
    struct arguments a = {0};
    const char *path;
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(&command_report, &a, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (optional_run(argv, operands, &path, &err) != 0)
        return report_error(&err);
    return write_report(path, a.output);
}

const struct command command_report = {
    .name = "report",
    .operands = "[RUN]",
    .summary = "write one HTML page that shows a run",
    .details =
        "Writes RUN/report.html, during a run or after it, and prints its path. The page needs no\n"
        "network and no other file. RUN is a run directory (default: the newest in the current\n"
        "directory).\n"
        "\n"
        "Examples:\n"
        "  batchrun report\n"
        "  batchrun report circles.run\n"
        "  batchrun report -o circles.html /scratch/circles.run\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = main_report,
};
