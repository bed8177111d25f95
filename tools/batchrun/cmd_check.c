// SPDX-License-Identifier: BSD-3-Clause
// The command `check`: prints whether a job has errors.
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "commands.h"
#include "model/table.h"
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

// Warns of an input column that result files and phases that read them do not have.
static void print_left_out(const struct job_phase *phase, const struct prepared_phase *prepared)
{
    struct table inputs;
    const struct buffer *image = &prepared->image;
    if (phase->inputs.kind == INPUT_FROM || phase->batch > 1 || !prepared->loaded ||
        table_open(&inputs, image->data, image->length, NULL) != 0 ||
        table_find(&inputs, "index") < 0)
        return;
    fprintf(stderr,
            "warning: phase `%s`: the results have the index of the task in place of the input "
            "column `index`: rename the column to keep it\n",
            phase->name);
}

static void print(const struct prepared *p)
{
    struct buffer out = BUFFER_EMPTY;
    for (size_t i = 0; i < p->job->plugin_count; i++)
        print_warnings(&p->plugins[i]);
    for (size_t i = 0; i < p->job->phase_count; i++)
        print_left_out(&p->job->phases[i], &p->phases[i]);
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
               "Warnings do not change the exit status.\n"
               "Plugins are loaded in a separate process. Standard input is not read.\n"
               "\n"
               "Example:\n"
               "  batchrun check job.yaml && batchrun job.yaml\n",
    .run = main_check,
};
