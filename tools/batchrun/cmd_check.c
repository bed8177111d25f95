// SPDX-License-Identifier: BSD-3-Clause
// The command `check`: prints whether a job has errors.
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "commands.h"
#include "operands.h"

static void print_warnings(const struct plugin_info *plugin)
{
    for (size_t i = 0; i < plugin->warning_count; i++) {
        struct buffer out = BUFFER_EMPTY;
        buffer_text(&out, "warning: ");
        text_escaped(&out, plugin->warnings[i], strlen(plugin->warnings[i]));
        buffer_char(&out, '\n');
        fwrite(out.data, 1, out.failed ? 0 : out.length, stderr);
        buffer_finish(&out);
    }
}

static void print(const struct prepared *p)
{
    struct buffer out = BUFFER_EMPTY;
    for (size_t i = 0; i < p->job->plugin_count; i++)
        print_warnings(&p->plugins[i]);
    text_escaped(&out, p->job->file, strlen(p->job->file));
    buffer_format(&out, ": no errors found: %zu phase%s, %zu worker%s\n", p->job->phase_count,
                  p->job->phase_count == 1 ? "" : "s", p->plan.slot_count,
                  p->plan.slot_count == 1 ? "" : "s");
    fwrite(out.data, 1, out.failed ? 0 : out.length, stdout);
    buffer_finish(&out);
}

static int main_check(int argc, char **argv)
{
    return look_at_job(&command_check, argc, argv, print, NULL);
}

const struct command command_check = {
    .name = "check",
    .operands = "job.yaml",
    .summary = "check a job for errors without running it",
    .details = "Checks the job file, the plugins and their tasks, the inputs, and the cores. "
               "Starts no worker.\n"
               "Warnings about plugins do not change the exit status.\n"
               "Plugins are loaded in a separate process. Standard input is not read.\n"
               "\n"
               "Example:\n"
               "  batchrun check job.yaml && batchrun job.yaml\n",
    .run = main_check,
};
