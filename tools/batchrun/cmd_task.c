// SPDX-License-Identifier: BSD-3-Clause
// The command `task`: runs one task in this process.
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "commands.h"
#include "exec/worker/worker_setup.h"
#include "model/cell_text.h"
#include "model/row.h"
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

// Returns whether the word names a job file; all other names are those of run directories.
static bool is_job_file(const char *word)
{
    struct stat st;
    if (stat(word, &st) == 0)
        return S_ISREG(st.st_mode);
    const char *dot = strrchr(word, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
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
    return one_task_from_words(nursery, words[0], words + 1, (size_t)count - 1, out, err);
}

// ---- Running it

static void print_cell(struct buffer *out, const struct cell *c)
{
    struct cell_room room;
    size_t length;
    const char *text = cell_text(c, &room, &length);
    if (c->type == BR_BYTES)
        text_escaped(out, text, length);
    else
        buffer_append(out, text, length);
}

static int print_results(const struct run_inline_end *end, br_error *err)
{
    const struct schema *schema = &end->signature.results;
    struct cell *cells = calloc(schema->count + 1, sizeof *cells);
    struct buffer out = BUFFER_EMPTY;
    int result = cells ? 0 : br_error_nomem(err);
    if (result == 0 && !row_unpack(schema, end->row.data, end->row.length, cells))
        result = br_error_set(err, BR_ERR_SYSTEM, "internal error: the results are not a row");
    for (size_t i = 0; result == 0 && i < schema->count; i++) {
        buffer_format(&out, "%s=", schema->columns[i].name);
        print_cell(&out, &cells[i]);
        buffer_char(&out, '\n');
    }
    if (result == 0)
        result = buffer_check(&out, err);
    if (result == 0 && out.length > 0)
        result = print_answer(&out, err);
    buffer_finish(&out);
    free(cells);
    return result;
}

static int run_one_task(const struct one_task *s)
{
    br_error err = {0};
    struct run_inline_end end;
    if (s->run_directory)
        setenv("BATCHRUN_RUN_DIR", s->run_directory, 1);
    worker_setup_environment(s->width, s->env, s->env_count, &err);
    if (err.kind != BR_ERR_NONE || run_inline(&s->run, &end, &err) != 0)
        return report_error(&err);
    int status = RUN_OK;
    if (end.failure != TASK_FINE) {
        struct buffer text = BUFFER_EMPTY;
        buffer_text(&text, "error: ");
        text_escaped(&text, end.message, strlen(end.message));
        fprintf(stderr, "%.*s\n", (int)text.length, text.failed ? "" : text.data);
        buffer_finish(&text);
        status = RUN_FAILED;
    } else
        status = finish_printing(print_results(&end, &err), &err);
    run_inline_end_finish(&end);
    return finish_output(status);
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

static int run_words(char **words, int count)
{
    struct nursery nursery;
    struct one_task task;
    br_error err = {0};
    if (nursery_start(&nursery, &err) != 0)
        return report_error(&err);
    int found = find(&nursery, words, count, &task, &err);
    nursery_stop(&nursery);
    if (found == 0 && task.prepared.job)
        show_inputs(&task);
    int status = found == 0 ? run_one_task(&task) : report_error(&err);
    one_task_finish(&task);
    return status;
}

// ---- Under a debugger

// Replaces this process by the debugger, which runs `batchrun task WORDS`.
static int debug(const char *debugger, char **words, int count, br_error *err)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return br_error_errno(err, "cannot find this program's own file");
    self[length] = '\0';
    char *text = strdup(debugger), *rest = NULL;
    size_t room = strlen(debugger) / 2 + (size_t)count + 5, n = 0;
    char **args = calloc(room, sizeof *args);
    if (!text || !args) {
        free(text);
        free(args);
        return br_error_nomem(err);
    }
    for (char *w = strtok_r(text, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest))
        args[n++] = w;
    bool given = n > 0;
    args[n++] = self;
    args[n++] = (char *)"task";
    args[n++] = (char *)"--";
    for (int i = 0; i < count; i++)
        args[n++] = words[i];
    if (given) {
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        execvp(args[0], args);
    }
    br_error_set(err, BR_ERR_USAGE, "--debugger '%s': %s", debugger,
                 given ? strerror(errno) : "expected a command, such as 'gdb --args'");
    free(text);
    free(args);
    return -1;
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
    if (a.debugger && debug(a.debugger, argv, operands, &err) != 0)
        return report_error(&err);
    return run_words(argv, operands);
}

const struct command command_task = {
    .name = "task",
    .operands = "TASK name=value... | [RUN|job.yaml] PHASE#INDEX",
    .summary = "run one task in this process, also under a debugger",
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
