// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "commands.h"
#include "complete.h"
#include "config.h"
#include "manual.h"
#include "run/run.h"

static const struct command *const commands[] = {
    &command_run,  &command_check, &command_plan,   &command_topo,   &command_exec,  &command_new,
    &command_show, &command_logs,  &command_events, &command_report, &command_trace,
};

enum {
    COMMANDS = sizeof commands / sizeof commands[0]
};

int report_error(const br_error *err)
{
    // Names of files and words of the command line are in it.
    struct buffer shown = BUFFER_EMPTY;
    text_lines_escaped(&shown, err->text, strlen(err->text));
    buffer_char(&shown, '\0');
    fprintf(stderr, "batchrun: %s\n", shown.failed ? err->text : shown.data);
    buffer_finish(&shown);
    return run_status_of(err->kind);
}

int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE)
        return status;
    fprintf(stderr, "batchrun: cannot write to standard output: %s\n", strerror(errno));
    return RUN_INTERNAL;
}

int print_piece(const struct buffer *piece, br_error *err)
{
    if (fwrite(piece->data, 1, piece->length, stdout) == piece->length)
        return 0;
    if (errno == EPIPE)
        return br_error_set(err, BR_ERR_NONE, "the reader of standard output went away");
    return br_error_errno(err, "cannot write to standard output");
}

int print_answer(const struct buffer *answer, br_error *err)
{
    if (!isatty(STDOUT_FILENO))
        return print_piece(answer, err);
    struct buffer shown = BUFFER_EMPTY;
    text_lines_escaped(&shown, answer->data, answer->length);
    int result = buffer_check(&shown, err) == 0 ? print_piece(&shown, err) : -1;
    buffer_finish(&shown);
    return result;
}

// As any program writes a file that it is told: what is there is written over, a pipe is written
// to.
static int write_file(const char *path, const struct buffer *view, br_error *err)
{
    int fd = fd_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) {
        br_error_errno(err, "cannot write %s", path);
        err->kind = BR_ERR_USAGE;
        return -1;
    }
    int result = fd_write_all(fd, view->data, view->length);
    int saved = errno;
    // A network file system may find its disk full only now.
    if (close(fd) != 0 && result == 0) {
        saved = errno;
        result = -1;
    }
    errno = saved;
    return result == 0 ? 0 : br_error_errno(err, "cannot write %s", path);
}

static int write_into_run(const struct rundir *run, const char *name, const struct buffer *view,
                          br_error *err)
{
    if (rundir_write(run, name, view->data, view->length, err) == 0)
        return 0;
    br_error why = *err;
    return br_error_set(err, why.kind, "%s; --output FILE writes it elsewhere", why.text);
}

int write_view(const struct rundir *run, const char *name, const char *output,
               const struct buffer *view, br_error *err)
{
    if (output && strcmp(output, "-") == 0)
        return print_piece(view, err);
    struct buffer path = BUFFER_EMPTY;
    if (output)
        buffer_format(&path, "%s\n", output);
    else
        buffer_format(&path, "%s/%s\n", run->path, name);
    int result = output ? write_file(output, view, err) : write_into_run(run, name, view, err);
    if (result == 0)
        result = buffer_check(&path, err) == 0 ? print_answer(&path, err) : -1;
    buffer_finish(&path);
    return result;
}

int finish_printing(int result, const br_error *err)
{
    if (result == 0)
        return finish_output(RUN_OK);
    if (err->kind == BR_ERR_NONE)
        return RUN_OK;
    finish_output(RUN_OK);
    return report_error(err);
}

const char *only_operand(const struct command *command, char **argv, int count, br_error *err)
{
    if (count == 1)
        return argv[0];
    if (count == 0)
        br_error_set(err, BR_ERR_USAGE, "which job? batchrun %s job.yaml", command->name);
    else
        br_error_set(err, BR_ERR_USAGE, "one job at a time: %s and %s were given", argv[0],
                     argv[1]);
    return NULL;
}

int optional_run(char **argv, int count, const char **path, br_error *err)
{
    if (count > 1)
        return br_error_set(err, BR_ERR_USAGE, "one run at a time: %s and %s were given", argv[0],
                            argv[1]);
    *path = count == 1 ? argv[0] : NULL;
    return 0;
}

int optional_run_and_task(char **argv, int count, const char **path, struct task_name *task,
                          bool *has_task, br_error *err)
{
    // A run's directory may have a # in its name, so a single operand that is there is one.
    struct stat st;
    *has_task = count > 0 && task_name_parse(argv[count - 1], task) &&
                (count > 1 || stat(argv[0], &st) != 0);
    if (count > 1 && !*has_task)
        return br_error_set(err, BR_ERR_USAGE, "%s is no task: write PHASE#INDEX, such as areas#17",
                            argv[count - 1]);
    return optional_run(argv, count - *has_task, path, err);
}

static int prepare_and_show(const char *path, void (*show)(const struct prepared *))
{
    struct nursery nursery;
    struct prepared prepared;
    br_error err = {0};
    if (nursery_start(&nursery, &err) != 0)
        return report_error(&err);
    int status = run_prepare(path, NULL, 0, &nursery, true, &prepared);
    if (status == RUN_OK) {
        show(&prepared);
        prepared_finish(&prepared);
        status = finish_output(status);
    }
    nursery_stop(&nursery);
    return status;
}

int look_at_job(const struct command *command, int argc, char **argv,
                void (*show)(const struct prepared *), int (*without)(void))
{
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(command, NULL, 0, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (operands == 0 && without)
        return without();
    const char *path = only_operand(command, argv, operands, &err);
    return path ? prepare_and_show(path, show) : report_error(&err);
}

static int print_help(void)
{
    printf(
        "batchrun runs the tasks of a job file in worker processes: each isolated, each recorded.\n"
        "\n"
        "Usage: batchrun job.yaml\n"
        "       batchrun COMMAND [options] ...\n"
        "\n"
        "Commands:\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
    printf(
        "\n"
        "batchrun COMMAND --help tells what it takes.\n"
        "\n"
        "Exit status: 0 every task succeeded, 1 internal error, 2 a mistake in the command line "
        "or\n"
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

// Whether the first argument can only be a job file: what the bare form takes.
static bool is_job(const char *arg)
{
    size_t length = strlen(arg);
    struct stat st;
    return strchr(arg, '/') || (length > 5 && strcmp(arg + length - 5, ".yaml") == 0) ||
           (length > 4 && strcmp(arg + length - 4, ".yml") == 0) || stat(arg, &st) == 0;
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

int main(int argc, char **argv)
{
    br_error err;
    if (fd_fill_standard(&err) != 0)
        return report_error(&err);
    signal(SIGPIPE, SIG_IGN); // `| head` ends the output, not the run
    signal(SIGXFSZ, SIG_IGN); // a file size limit is an error of the write
    if (argc < 2) {
        br_error_set(&err, BR_ERR_USAGE,
                     "which job? batchrun job.yaml (batchrun --help tells more)");
        return report_error(&err);
    }
    const char *first = argv[1];
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0)
        return print_help();
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        return print_version();
    if (strcmp(first, "__complete") == 0)
        return finish_output(complete(commands, COMMANDS, argv + 2, argc - 2));
    if (strcmp(first, "__manual") == 0 && argc == 3 && manual_print(argv[2], commands, COMMANDS))
        return finish_output(0);
    const struct command *command = find_command(first);
    if (command)
        return command->run(argc - 2, argv + 2);
    if (first[0] == '-' || is_job(first))
        return command_run.run(argc - 1, argv + 1);
    return unknown_command(first);
}
