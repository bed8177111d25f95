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

static int draw_machine(br_error *err)
{
    struct machine machine;
    if (topology_load(&machine, err) != 0)
        return report_error(err);
    print(&machine, NULL);
    machine_finish(&machine);
    return finish_output(0);
}

static int draw_job(const char *path, br_error *err)
{
    struct nursery nursery;
    struct prepared prepared;
    if (nursery_start(&nursery, err) != 0)
        return report_error(err);
    int status = run_prepare(path, NULL, 0, &nursery, true, &prepared);
    if (status == RUN_OK) {
        print(&prepared.machine, &prepared.plan);
        prepared_finish(&prepared);
        status = finish_output(status);
    }
    nursery_stop(&nursery);
    return status;
}

static int main_topo(int argc, char **argv)
{
    int operands;
    bool helped;
    br_error err = {0};
    const char *path;
    if (options_parse(&command_topo, NULL, 0, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (operands == 0)
        return draw_machine(&err);
    path = only_operand(&command_topo, argv, operands, &err);
    return path ? draw_job(path, &err) : report_error(&err);
}

const struct command command_topo = {
    "topo", "[job.yaml]", "draw this machine, and a job's workers on it", NULL, main_topo};
