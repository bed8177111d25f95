// SPDX-License-Identifier: BSD-3-Clause
// The command `events`: prints a run's journal as JSON lines.
#include <stdio.h>

#include "commands.h"
#include "journal/event_json.h"
#include "journal/replay.h"
#include "operands.h"
#include "output.h"

struct printer {
    struct event_sink sink;
    struct buffer line;
};

static int print(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct printer *p = (struct printer *)sink;
    buffer_clear(&p->line);
    event_json(event, &p->line);
    if (buffer_check(&p->line, err) != 0)
        return -1;
    return print_piece(&p->line, err);
}

static int print_events(const char *path, br_error *err)
{
    struct rundir run;
    if (rundir_open(&run, path, err) != 0)
        return -1;
    struct printer printer = {.sink.take = print};
    struct event_sink *sink = &printer.sink;
    int result = replay(&run, &sink, 1, err);
    buffer_finish(&printer.line);
    rundir_finish(&run);
    return result;
}

static int main_events(int argc, char **argv)
{
    int operands;
    bool helped;
    const char *path;
    br_error err = {0};
    if (options_parse(&command_events, NULL, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (optional_run(argv, operands, &path, &err) != 0)
        return report_error(&err);
    return finish_printing(print_events(path, &err), &err);
}

const struct command command_events = {
    .name = "events",
    .operands = "[RUN]",
    .summary = "print a run's journal as JSON lines",
    .details = "RUN is a run directory (default: the newest in the current directory).\n"
               "\n"
               "Examples:\n"
               "  batchrun events circles.run | jq 'select(.event == \"task_end\")'\n"
               "  batchrun events | grep '\"outcome\":\"crashed\"'\n",
    .run = main_events,
};
