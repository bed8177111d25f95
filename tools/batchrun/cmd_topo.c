// SPDX-License-Identifier: BSD-3-Clause
// The command `topo`: draws the machine.
#include <stdio.h>

#include "commands.h"
#include "exec/topology.h"
#include "operands.h"
#include "output.h"
#include "plan.h"
#include "views/plan_view.h"

static void print(const struct machine *m, const struct plan *p)
{
    struct buffer out = BUFFER_EMPTY;
    plan_view_topology(&out, m, p, plan_columns());
    fwrite(out.data, 1, out.failed ? 0 : out.length, stdout);
    buffer_finish(&out);
}

static int draw_machine(void)
{
    br_error err = {0};
    struct machine machine;
    if (topology_load(&machine, &err) != 0)
        return report_error(&err);
    print(&machine, NULL);
    machine_finish(&machine);
    return finish_output(0);
}

static void draw_job(const struct prepared *p)
{
    print(&p->machine, &p->plan);
}

static int main_topo(int argc, char **argv)
{
    return look_at_job(&command_topo, argc, argv, draw_job, draw_machine);
}

const struct command command_topo = {
    .name = "topo",
    .operands = "[job.yaml]",
    .summary = "draw this machine, and a job's workers on it",
    .details = "Draws cores and CPUs by package, NUMA node and L3 cache. This process may not use "
               "those in\n"
               "parentheses.\n"
               "\n"
               "Examples:\n"
               "  batchrun topo\n"
               "  taskset -c 0-3 batchrun topo job.yaml\n",
    .run = main_topo,
};
