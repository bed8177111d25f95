// SPDX-License-Identifier: BSD-3-Clause
// The command `task`: finds one task, and runs it in the program batchrun-worker, which replaces
// this process.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "commands.h"
#include "config.h"
#include "exec/worker/worker_program.h"
#include "output.h"
#include "run/one_task.h"
#include "run/run.h"
#include "views/task_name.h"

struct arguments {
    const char *debugger;
};

static const struct option options[] = {
    {"debugger", 0, "COMMAND", OPTION_TEXT, offsetof(struct arguments, debugger),
     "run it under COMMAND, such as 'gdb --args' or 'valgrind -q'", NULL},
};

// ---- Which task

// Returns whether the word is PHASE#INDEX; an input has a "=" before any #.
static bool is_task_name(const char *word)
{
    size_t length = strcspn(word, "#=");
    return length > 0 && word[length] == '#';
}

static bool ends_as_a_job_file(const char *word)
{
    const char *dot = strrchr(word, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

// Returns whether the word names a job file; all other names are those of run directories.
static bool is_job_file(const char *word)
{
    struct stat st;
    return stat(word, &st) == 0 ? S_ISREG(st.st_mode) : ends_as_a_job_file(word);
}

// Finds PHASE#INDEX in a job file or in a run; `where` is NULL for the newest run.
static int find_by_name(struct nursery *nursery, const char *where, const char *word,
                        struct one_task *out, br_error *err)
{
    struct task_name name;
    if (!task_name_parse(word, &name))
        return br_error_set(err, BR_ERR_USAGE, "`%s`: expected the task's index after the #", word);
    char *phase = strndup(name.phase, name.phase_length);
    if (!phase)
        return br_error_nomem(err);
    int result = where && is_job_file(where)
                     ? one_task_from_job(nursery, where, phase, name.index, out, err)
                     : one_task_from_run(nursery, where, phase, name.index, out, err);
    free(phase);
    return result;
}

static int find(struct nursery *nursery, char **words, int count, struct one_task *out,
                br_error *err)
{
    if (count <= 2 && is_task_name(words[count - 1]))
        return find_by_name(nursery, count == 2 ? words[0] : NULL, words[count - 1], out, err);
    if (ends_as_a_job_file(words[0]))
        return br_error_set(err, BR_ERR_USAGE,
                            "expected one task after the job file, such as `batchrun task %s "
                            "PHASE#0`",
                            words[0]);
    return one_task_from_words(nursery, words[0], words + 1, (size_t)count - 1, out, err);
}

// ---- Running it

// Returns a memory for another program to read, with its path, which stays valid across exec: also
// in a debugger's child. Returns NULL and *err on failure.
static char *share(const char *name, const struct buffer *content, br_error *err)
{
    int fd = buffer_check(content, err) == 0
                 ? fd_memory_sealed(name, content->data, content->length, err)
                 : -1;
    if (fd < 0)
        return NULL;
    fcntl(fd, F_SETFD, 0);
    struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "/proc/%d/fd/%d", (int)getpid(), fd);
    return buffer_take_string(&path, err);
}

// The command line `DEBUGGER PROGRAM task VERSION REQUEST TABLE`, and its environment.
struct command_line {
    char *debugger; // cut into words, or NULL
    char *program, *request, *table;
    char **words;
    char **environment;
};

static void command_line_finish(struct command_line *c)
{
    free(c->debugger);
    free(c->program);
    free(c->request);
    free(c->table);
    free(c->words);
    worker_program_free_environment(c->environment);
}

static int command_line_make(struct command_line *c, const struct one_task *s, const char *debugger,
                             br_error *err)
{
    struct buffer request = BUFFER_EMPTY;
    size_t room = (debugger ? strlen(debugger) / 2 : 0) + 7, n = 0;
    char *rest = NULL;
    *c = (struct command_line){.words = calloc(room, sizeof *c->words)};
    c->debugger = debugger ? strdup(debugger) : NULL;
    if (!c->words || (debugger && !c->debugger))
        return br_error_nomem(err);
    if (s->run_directory)
        setenv("BATCHRUN_RUN_DIR", s->run_directory, 1);
    else
        unsetenv("BATCHRUN_RUN_DIR"); // it names another run, if a task of that run calls batchrun
    run_inline_write(&request, &s->run, s->width, s->env, s->env_count);
    c->program = worker_program_path(err);
    c->request = c->program ? share("batchrun-request", &request, err) : NULL;
    c->table = c->request ? share("batchrun-table", &s->image, err) : NULL;
    c->environment = c->table ? worker_program_environment(s->env, s->env_count, err) : NULL;
    buffer_finish(&request);
    if (!c->environment)
        return -1;
    char *word = c->debugger ? strtok_r(c->debugger, " \t", &rest) : NULL;
    for (; word; word = strtok_r(NULL, " \t", &rest))
        c->words[n++] = word;
    c->words[n++] = c->program;
    c->words[n++] = (char *)"task";
    c->words[n++] = (char *)PACKAGE_VERSION;
    c->words[n++] = c->request;
    c->words[n++] = c->table;
    return 0;
}

// Replaces this process by the program that runs the task, or by the debugger, which runs that. The
// program is not this one, because functions of the libraries that this one links would be called
// in place of the plugin's. Returns only with an error.
static int execute(const struct one_task *s, const char *debugger, br_error *err)
{
    struct command_line c;
    if (command_line_make(&c, s, debugger, err) == 0) {
        fflush(NULL);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        execvpe(c.words[0], c.words, c.environment);
        if (debugger)
            br_error_set(err, BR_ERR_USAGE, "--debugger '%s': %s", debugger, strerror(errno));
        else
            br_error_errno(err, "cannot start %s", c.program);
        signal(SIGPIPE, SIG_IGN);
    }
    command_line_finish(&c);
    return -1;
}

// Prints the inputs of a task of a run or a job, which are not on the command line.
static void show_inputs(const struct one_task *s)
{
    struct buffer inputs = BUFFER_EMPTY, shown = BUFFER_EMPTY;
    one_task_describe(s, &inputs);
    text_escaped(&shown, inputs.data ? inputs.data : "", inputs.length);
    fprintf(stderr, "%s#%llu  %.*s\n", s->run.phase, (unsigned long long)s->run.index,
            (int)shown.length, shown.data ? shown.data : "");
    buffer_finish(&inputs);
    buffer_finish(&shown);
}

static int run_words(char **words, int count, const char *debugger)
{
    struct nursery nursery = NURSERY_NONE;
    struct one_task task = {.file = {.fd = -1}};
    br_error err = {0};
    int result = find(&nursery, words, count, &task, &err);
    nursery_stop(&nursery);
    if (result == 0 && task.prepared.job)
        show_inputs(&task);
    if (result == 0)
        (void)execute(&task, debugger, &err);
    one_task_finish(&task);
    return report_error(&err);
}

static int main_task(int argc, char **argv)
{
    struct arguments a = {0};
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(&command_task, &a, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (operands == 0) {
        br_error_set(
            &err, BR_ERR_USAGE,
            "which task? batchrun task PLUGIN.TASK name=value..., or RUN|job.yaml PHASE#INDEX");
        return report_error(&err);
    }
    if (a.debugger && strspn(a.debugger, " \t") == strlen(a.debugger)) {
        br_error_set(&err, BR_ERR_USAGE,
                     "--debugger '%s': expected a command, such as 'gdb --args'", a.debugger);
        return report_error(&err);
    }
    return run_words(argv, operands, a.debugger);
}

const struct command command_task = {
    .name = "task",
    .operands = "TASK name=value... | [RUN|job.yaml] PHASE#INDEX",
    .summary = "run one task in one process, also under a debugger",
    .details =
        "TASK is PLUGIN.TASK, with its inputs; PHASE#INDEX is a task of a run, whose inputs, "
        "seed\n"
        "and environment are made again. Without RUN it is the newest run in this directory.\n"
        "With a job file, the job need not have run: its inputs are read.\n"
        "The results are printed as name=value. There is no time limit, and a crash ends "
        "batchrun.\n"
        "\n"
        "Examples:\n"
        "  batchrun task demo.area r=2\n"
        "  batchrun task circles.run areas#17\n"
        "  batchrun task job.yaml areas#17\n"
        "  batchrun task --debugger 'gdb --args' circles.run areas#17\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = main_task,
};
