// SPDX-License-Identifier: BSD-3-Clause
// The command `trace`: writes a trace of a run.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "commands.h"
#include "operands.h"
#include "output.h"
#include "report/trace.h"

struct arguments {
    const char *output, *max_slices;
};

static const struct option options[] = {
    OPTION_OUTPUT,
    {"max-slices", 0, "N", OPTION_TEXT, offsetof(struct arguments, max_slices),
     "at most N slices (default: 200000)", NULL},
};

static int read_limit(const char *text, uint64_t *limit, br_error *err)
{
    int64_t number;
    if (!text_to_i64(text, strlen(text), &number) || number < 1)
        return br_error_set(err, BR_ERR_USAGE,
                            "--max-slices %s: expected a whole number of at least 1", text);
    *limit = (uint64_t)number;
    return 0;
}

static void tell_limit(const struct trace_counts *counts)
{
    if (counts->per_slice > 1)
        fprintf(
            stderr,
            "batchrun: up to %" PRIu64
            " tasks share a slice, to limit the number of slices: --max-slices N changes that\n",
            counts->per_slice);
    if (counts->left_out > 0)
        fprintf(stderr,
                "batchrun: %" PRIu64 " further attempts are left out: --max-slices N changes "
                "that\n",
                counts->left_out);
}

static int write_trace(const char *path, const char *output, uint64_t limit)
{
    struct rundir d;
    struct buffer json = BUFFER_EMPTY;
    struct trace_counts counts;
    br_error err = {0};
    if (rundir_open(&d, path, &err) != 0)
        return report_error(&err);
    int result = trace_write(&d, limit, &json, &counts, &err);
    if (result == 0)
        result = write_view(&d, "trace.json", output, &json, &err);
    if (result == 0)
        tell_limit(&counts);
    buffer_finish(&json);
    rundir_finish(&d);
    return finish_printing(result, &err);
}

static int main_trace(int argc, char **argv)
{
    struct arguments a = {0};
    const char *path;
    uint64_t limit = TRACE_SLICES;
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(&command_trace, &a, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (optional_run(argv, operands, &path, &err) != 0 ||
        (a.max_slices && read_limit(a.max_slices, &limit, &err) != 0))
        return report_error(&err);
    return write_trace(path, a.output, limit);
}

const struct command command_trace = {
    .name = "trace",
    .operands = "[RUN]",
    .summary = "write a trace for Perfetto or chrome://tracing",
    .details = "Writes RUN/trace.json, during a run or after it, and prints its path: a lane for "
               "each worker,\n"
               "a slice for each attempt. If there are more attempts than slices, consecutive "
               "tasks share one.\n"
               "RUN is a run directory (default: the newest in the current directory).\n"
               "\n"
               "Examples:\n"
               "  batchrun trace\n"
               "  batchrun trace --max-slices 1000000 circles.run\n"
               "  batchrun trace -o - circles.run | gzip >trace.json.gz\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = main_trace,
};
