// SPDX-License-Identifier: BSD-3-Clause
// The program: finds the command that the first argument names, and runs it.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"
#include "commands.h"
#include "complete.h"
#include "config.h"
#include "manual.h"
#include "output.h"

static const struct command *const commands[] = {
    &command_run,  &command_check, &command_plan,   &command_topo,   &command_task,  &command_new,
    &command_show, &command_logs,  &command_events, &command_report, &command_trace,
};

enum {
    COMMANDS = sizeof commands / sizeof commands[0]
};

static int set_up_process(br_error *err);
static int no_argument(void);
static bool is_any(const char *arg, const char *long_name, const char *short_name);
static int print_help(void);
static int print_version(void);
static const struct command *find_command(const char *name);
static bool is_job(const char *arg);
static int old_command(const char *old, const char *now);
static int unknown_command(const char *arg);

int main(int argc, char **argv)
{
    br_error err;
    if (set_up_process(&err) != 0)
        return report_error(&err);
    if (argc < 2)
        return no_argument();
    const char *first = argv[1];
    if (is_any(first, "--help", "-h") || strcmp(first, "help") == 0)
        return print_help();
    if (is_any(first, "--version", "-V"))
        return print_version();
    if (strcmp(first, "__complete") == 0)
        return finish_output(complete(commands, COMMANDS, argv + 2, argc - 2));
    if (strcmp(first, "__manual") == 0 && argc == 3 && manual_print(argv[2], commands, COMMANDS))
        return finish_output(0);
    const struct command *command = find_command(first);
    if (command)
        return command->run(argc - 2, argv + 2);
    if (strcmp(first, "exec") == 0)
        return old_command(first, "task");
    if (first[0] == '-' || is_job(first)) // `batchrun job.yaml` is `batchrun run job.yaml`
        return command_run.run(argc - 1, argv + 1);
    return unknown_command(first);
}

// A plugin could use all rights that the program has and its caller has not.
static int refuse_set_id(br_error *err)
{
    if (getauxval(AT_UID) == getauxval(AT_EUID) && getauxval(AT_GID) == getauxval(AT_EGID))
        return 0;
    return br_error_set(err, BR_ERR_SYSTEM,
                        "this program is setuid or setgid, and every plugin would have its "
                        "rights: take them away (chmod u-s,g-s)");
}

static int set_up_process(br_error *err)
{
    if (fd_fill_standard(err) != 0 || refuse_set_id(err) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN); // `| head` ends the output, not the run
    signal(SIGXFSZ, SIG_IGN); // a file size limit is an error of the write
    return 0;
}

static int no_argument(void)
{
    br_error err;
    br_error_set(&err, BR_ERR_USAGE, "which job? batchrun job.yaml (see batchrun --help)");
    return report_error(&err);
}

static bool is_any(const char *arg, const char *long_name, const char *short_name)
{
    return strcmp(arg, long_name) == 0 || strcmp(arg, short_name) == 0;
}

static int print_help(void)
{
    printf("batchrun runs the tasks of a job file in isolated worker processes, and records each "
           "of them.\n"
           "\n"
           "Usage: batchrun job.yaml\n"
           "       batchrun COMMAND [options] ...\n"
           "\n"
           "Commands:\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
    printf(
        "\n"
        "`batchrun COMMAND --help` shows the options of a command.\n"
        "\n"
        "Exit status: 0 every task succeeded, 1 internal error, 2 an error in the command line or\n"
        "the job, 3 some tasks did not succeed, 4 a plugin does not load or fit, 5 interrupted.\n");
    return finish_output(0);
}

static int print_version(void)
{
    printf("batchrun %s\n", PACKAGE_VERSION);
    return finish_output(0);
}

static const struct command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

// Returns whether the first argument is a job file, as in `batchrun job.yaml`.
static bool is_job(const char *arg)
{
    size_t length = strlen(arg);
    struct stat st;
    return strchr(arg, '/') || (length > 5 && strcmp(arg + length - 5, ".yaml") == 0) ||
           (length > 4 && strcmp(arg + length - 4, ".yml") == 0) || stat(arg, &st) == 0;
}

static int old_command(const char *old, const char *now)
{
    br_error err;
    br_error_set(&err, BR_ERR_USAGE, "`batchrun %s` is now `batchrun %s`", old, now);
    return report_error(&err);
}

static int unknown_command(const char *arg)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *near = text_nearest(arg, names, COMMANDS);
    br_error err;
    if (near)
        br_error_set(&err, BR_ERR_USAGE,
                     "there is no command and no job file `%s`; did you mean `%s`?", arg, near);
    else
        br_error_set(
            &err, BR_ERR_USAGE,
            "there is no command and no job file `%s`; `batchrun --help` lists the commands", arg);
    return report_error(&err);
}
