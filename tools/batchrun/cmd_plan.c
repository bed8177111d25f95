// SPDX-License-Identifier: BSD-3-Clause
// The command `plan`: prints the phases of a job and where its workers will be bound.
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "commands.h"
#include "operands.h"
#include "plan.h"
#include "views/plan_view.h"

static void print_phase(struct buffer *out, const struct prepared *p, size_t i)
{
    const struct job *job = p->job;
    const struct job_phase *phase = &job->phases[i];
    buffer_format(out, "  %zu. %s: %s, %s, ", i + 1, phase->name, phase->task,
                  phase->mode == MODE_SYNC ? "sync" : "async");
    if (p->phases[i].loaded) {
        uint64_t tasks = prepared_tasks(p, i, p->phases[i].rows);
        text_count(out, tasks);
        buffer_text(out, tasks == 1 ? " task" : " tasks");
        if (phase->batch > 1) {
            buffer_text(out, " of up to ");
            text_count(out, phase->batch);
            buffer_text(out, " rows");
        }
    } else if (phase->inputs.kind == INPUT_FROM)
        buffer_format(out, "as many tasks as `%s` gives rows",
                      job->phases[phase->inputs.from].name);
    else
        buffer_text(out, "a task for each line of standard input");
    for (size_t k = 0; k < phase->need_count; k++)
        buffer_format(out, "%s%s", k ? ", " : "; needs ", job->phases[phase->needs[k]].name);
    buffer_char(out, '\n');
}

unsigned plan_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 80;
}

void plan_print(const struct prepared *p)
{
    struct buffer out = BUFFER_EMPTY;
    buffer_format(&out, "Job %s: %zu phase%s\n", p->job->name, p->job->phase_count,
                  p->job->phase_count == 1 ? "" : "s");
    for (size_t i = 0; i < p->job->phase_count; i++)
        print_phase(&out, p, i);
    buffer_char(&out, '\n');
    plan_view_topology(&out, &p->machine, &p->plan, plan_columns());
    buffer_char(&out, '\n');
    plan_view_slots(&out, &p->plan);
    fwrite(out.data, 1, out.failed ? 0 : out.length, stdout);
    buffer_finish(&out);
}

static int main_plan(int argc, char **argv)
{
    return look_at_job(&command_plan, argc, argv, plan_print, NULL);
}

const struct command command_plan = {
    .name = "plan",
    .operands = "job.yaml",
    .summary = "show the phases, their tasks, and where each worker will be bound",
    .details = "Checks the job like `batchrun check`, and draws the workers on the machine's "
               "cores. Runs nothing.\n"
               "\n"
               "Example:\n"
               "  batchrun plan job.yaml\n",
    .run = main_plan,
};
