// SPDX-License-Identifier: BSD-3-Clause
#include "run/one_task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "exec/worker/worker_program.h"
#include "inputs/convert.h"
#include "inputs/phase_table.h"
#include "jobfile/spec.h"
#include "model/table_builder.h"
#include "run/recorded_run.h"

// A plugin that takes longer to load is considered to hang.
#define INSPECT_NS (10 * NS_PER_S)

static void one_task_init(struct one_task *s)
{
    *s = (struct one_task){.file = {.fd = -1}, .width = 1};
}

void one_task_finish(struct one_task *s)
{
    free(s->path);
    free(s->run_directory);
    free(s->phase);
    free(s->task);
    plugin_file_close(&s->file);
    plugin_info_finish(&s->info);
    buffer_finish(&s->image);
    prepared_finish(&s->prepared);
    one_task_init(s);
}

void one_task_describe(const struct one_task *s, struct buffer *out)
{
    struct phase_table t = {.fd = -1, .table = s->table};
    phase_table_describe(&t, s->run.index, s->run.rows_per_task, out);
}

// ---- From words

// Cuts "plugin.task" in two. The caller frees *plugin.
static int cut_task(struct one_task *s, const char *task, char **plugin, br_error *err)
{
    const char *dot = strchr(task, '.');
    if (!dot || dot == task || !dot[1])
        return br_error_set(
            err, BR_ERR_USAGE,
            "`%s` is not a task: write PLUGIN.TASK name=value..., or RUN PHASE#INDEX", task);
    if (!strncmp(task, "exec.", 5))
        return br_error_set(err, BR_ERR_USAGE,
                            "the plugin `exec` is now `command`: write command.%s", dot + 1);
    *plugin = strndup(task, (size_t)(dot - task));
    s->task = strdup(dot + 1);
    return *plugin && s->task ? 0 : br_error_nomem(err);
}

static const struct plugin_entry *look_into(struct one_task *s, struct nursery *nursery,
                                            const char *task, br_error *err)
{
    char *plugin = NULL;
    int result = cut_task(s, task, &plugin, err);
    if (result == 0)
        s->path = plugin_locate(plugin, NULL, ".", err);
    free(plugin);
    if (!s->path || worker_program_start(nursery, NULL, 0, err) != 0 ||
        plugin_file_open(s->path, &s->file, err) != 0 ||
        plugin_inspect(nursery, &s->file.source, INSPECT_NS, &s->info, err) != 0)
        return NULL;
    return plugin_info_task(&s->info, s->task, err);
}

static int refuse_column(const char *task, const struct signature *sig, const char *name,
                         br_error *err)
{
    const char **names = calloc(sig->inputs.count + 1, sizeof *names);
    for (size_t i = 0; names && i < sig->inputs.count; i++)
        names[i] = sig->inputs.columns[i].name;
    const char *near = names ? text_nearest(name, names, sig->inputs.count) : NULL;
    free(names);
    if (near)
        return br_error_set(err, BR_ERR_USAGE, "task %s has no input `%s`; did you mean `%s`?",
                            task, name, near);
    return br_error_set(err, BR_ERR_USAGE, "task %s has no input `%s`", task, name);
}

// `type` NONE: the type that the text suggests, as in a CSV file, and the text is kept.
static int add_value(struct table_builder *b, const char *name, enum br_type type,
                     const struct cell *text, br_error *err)
{
    struct cell_room room;
    struct cell cell;
    bool keep = type == BR_TYPE_NONE;
    if (keep)
        type = convert_natural_type(text);
    if (convert_cell(text, type, &room, &cell))
        return (keep ? table_add_written_cells : table_add_cells)(b, name, type, 1, 1, err) == 0
                   ? table_add_written(b, cell, text->text.data, text->text.length, err)
                   : -1;
    struct buffer problem = BUFFER_EMPTY;
    br_error_set(err, BR_ERR_USAGE, "%s: %s", name, convert_problem(&problem, text, type));
    buffer_finish(&problem);
    return -1;
}

static int add_word(struct table_builder *b, const char *task, const struct signature *sig,
                    const char *word, br_error *err)
{
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return br_error_set(err, BR_ERR_USAGE, "`%s` is not an input: write name=value", word);
    char *name = strndup(word, (size_t)(equals - word));
    if (!name)
        return br_error_nomem(err);
    struct cell text = {.type = BR_STR, .text = {equals + 1, strlen(equals + 1)}};
    int at = schema_find(&sig->inputs, name), result;
    if (at < 0 && !sig->any_input)
        result = refuse_column(task, sig, name, err);
    else
        result =
            add_value(b, name, at >= 0 ? sig->inputs.columns[at].type : sig->any_type, &text, err);
    free(name);
    return result;
}

static int check_complete(const struct table *t, const char *task, const struct signature *sig,
                          br_error *err)
{
    for (size_t i = 0; i < sig->inputs.count; i++) {
        const struct column *c = &sig->inputs.columns[i];
        if (table_find(t, c->name) < 0)
            return br_error_set(err, BR_ERR_USAGE, "task %s needs %s=... (%s)", task, c->name,
                                schema_type_name(c->type));
    }
    return 0;
}

int one_task_from_words(struct nursery *nursery, const char *task, char *const *words, size_t count,
                        struct one_task *out, br_error *err)
{
    one_task_init(out);
    const struct plugin_entry *entry = look_into(out, nursery, task, err);
    if (!entry)
        return -1;
    struct table_builder *b = table_builder_create(1, err);
    int result = b ? 0 : -1;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = add_word(b, task, &entry->signature, words[i], err);
    if (result == 0)
        result = table_builder_finish(b, &out->image, err);
    table_builder_destroy(b);
    if (result != 0 || table_open(&out->table, out->image.data, out->image.length, err) != 0 ||
        check_complete(&out->table, task, &entry->signature, err) != 0)
        return -1;
    static const struct job_settings no_config;
    out->run = (struct run_inline){.plugin = out->path,
                                   .config = &no_config,
                                   .task = out->task,
                                   .phase = "task",
                                   .rows_per_task = 1,
                                   .table = &out->table};
    return 0;
}

// ---- From a run or a job

// `whose` begins the message about a phase that does not exist: "the run", "the job".
static int find_phase(const struct job *job, const char *whose, const char *name, size_t *place,
                      br_error *err)
{
    const char **names = calloc(job->phase_count + 1, sizeof *names);
    if (!names)
        return br_error_nomem(err);
    bool found = false;
    for (size_t i = 0; i < job->phase_count; i++) {
        names[i] = job->phases[i].name;
        if (!found && strcmp(names[i], name) == 0) {
            *place = i;
            found = true;
        }
    }
    const char *near = found ? NULL : text_nearest(name, names, job->phase_count);
    free(names);
    if (found)
        return 0;
    if (near)
        return br_error_set(err, BR_ERR_USAGE, "%s has no phase `%s`; did you mean `%s`?", whose,
                            name, near);
    return br_error_set(err, BR_ERR_USAGE, "%s has no phase `%s`", whose, name);
}

static int take_task(struct one_task *s, size_t place, uint64_t index, br_error *err)
{
    const struct prepared *p = &s->prepared;
    const struct job_phase *phase = &p->job->phases[place];
    const struct prepared_phase *pp = &p->phases[place];
    if (table_open(&s->table, s->image.data, s->image.length, err) != 0)
        return -1;
    uint64_t tasks = prepared_tasks(p, place, table_rows(&s->table));
    if (index >= tasks)
        return br_error_set(err, BR_ERR_USAGE,
                            "phase `%s` has %" PRIu64 " tasks: there is no %s#%" PRIu64,
                            phase->name, tasks, phase->name, index);
    s->env = p->job->env;
    s->env_count = p->job->env_count;
    s->width = p->job->workers.width;
    s->run = (struct run_inline){.plugin = p->plugin_files[pp->plugin].source.path,
                                 .config = &p->job->plugins[pp->plugin].config,
                                 .task = pp->entry->name,
                                 .phase = phase->name,
                                 .seed = prepared_seed(p, phase->name),
                                 .index = index,
                                 .rows_per_task = phase->batch,
                                 .table = &s->table};
    return 0;
}

int one_task_from_run(struct nursery *nursery, const char *run, const char *phase, uint64_t index,
                      struct one_task *out, br_error *err)
{
    struct recorded_run past;
    size_t place = 0;
    one_task_init(out);
    int result = recorded_run_open(&past, run, err);
    if (result == 0)
        result = recorded_run_prepare(&past, nursery, &out->prepared, err);
    if (result == 0)
        result = find_phase(out->prepared.job, "the run", phase, &place, err);
    if (result == 0)
        result = recorded_run_inputs(&past, &out->prepared, place, &out->image, err);
    if (result == 0)
        result = take_task(out, place, index, err);
    out->run_directory = result == 0 ? realpath(past.dir.path, NULL) : NULL;
    recorded_run_close(&past);
    return result;
}

// Prepares the job without reading standard input; all errors in it are one error of many lines.
static int prepare_job(struct nursery *nursery, const char *path, struct prepared *out,
                       br_error *err)
{
    struct prepare_options options = {.check_only = true};
    struct diagnostics d;
    struct job *job = spec_load(path, NULL, 0, &d, err);
    if (job)
        job->workers.oversubscribe = true; // the one task needs no plan that fits this machine
    int result = job ? prepare(job, nursery, &options, &d, out, err) : -1;
    if (result != 0 && d.count > 0)
        br_error_set(err, d.kind, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
    return result;
}

static int take_inputs(struct prepared *p, size_t place, struct buffer *image, br_error *err)
{
    const struct job_phase *phase = &p->job->phases[place];
    if (p->phases[place].loaded) {
        *image = prepared_take_image(p, place);
        return 0;
    }
    if (phase->inputs.kind == INPUT_FROM)
        return br_error_set(err, BR_ERR_USAGE,
                            "phase `%s` reads the results of phase `%s`, which only a run has: run "
                            "the job first, then batchrun task RUN %s#INDEX",
                            phase->name, p->job->phases[phase->inputs.from].name, phase->name);
    return br_error_set(err, BR_ERR_USAGE,
                        "phase `%s` reads standard input, which is not read for one task; run the "
                        "task by its name: batchrun task PLUGIN.TASK name=value...",
                        phase->name);
}

int one_task_from_job(struct nursery *nursery, const char *path, const char *phase, uint64_t index,
                      struct one_task *out, br_error *err)
{
    size_t place = 0;
    one_task_init(out);
    int result = prepare_job(nursery, path, &out->prepared, err);
    if (result == 0)
        result = find_phase(out->prepared.job, "the job", phase, &place, err);
    if (result == 0)
        result = take_inputs(&out->prepared, place, &out->image, err);
    return result == 0 ? take_task(out, place, index, err) : result;
}
