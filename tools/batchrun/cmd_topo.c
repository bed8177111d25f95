// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"
#include "exec/topology.h"
#include "run/plan_view.h"
#include "run/run.h"

static unsigned terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 80;
}

static void print(const struct machine *m, const struct plan *p)
{
    struct buffer out = BUFFER_EMPTY;
    plan_view_topology(&out, m, p, terminal_columns());
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
    "topo", "[job.yaml]", "draw this machine, and a job's workers on it", NULL, main_topo};
