// SPDX-License-Identifier: BSD-3-Clause
#include "run/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/kernel.h"
#include "base/text.h"
#include "exec/topology.h"
#include "exec/worker/worker_program.h"
#include "inputs/inputs.h"
#include "journal/journal.h"
#include "model/reduce.h"
#include "results/output.h"
#include "run/check_command.h"
#include "run/check_files.h"

// A plugin that takes longer to load is considered to hang.
#define INSPECT_NS (10 * NS_PER_S)

enum {
    INSPECTED_AT_ONCE = 16
};

struct preparation {
    struct prepared *p;
    const struct prepare_options *options;
    struct diagnostics *d;
    br_error *err;
    struct inspector *inspector;
    br_error *unknown;  // by plugin: why it could not be inspected; kind BR_ERR_NONE if it could
    unsigned cpu_limit; // CPUs that the scheduler allows; 0 = any number
    br_error machine; // why the machine or that limit could not be read; BR_ERR_NONE if they could
};

// Adds an error of the job to the diagnostics. Returns false, with the error in in->err, if it is a
// failure of the system instead.
static bool note(struct preparation *in, struct mark mark, size_t length, const br_error *error)
{
    if (error->kind != BR_ERR_USAGE && error->kind != BR_ERR_PLUGIN) {
        if (in->err)
            *in->err = *error;
        return false;
    }
    diagnostics_add(in->d, error->kind, mark, length, NULL, "%s", error->text);
    return true;
}

// ---- The machine

// Reads how many CPUs Slurm gives this process; 0 if it does not say.
static int slurm_limit(unsigned *limit, br_error *err)
{
    const char *text = getenv("SLURM_CPUS_PER_TASK");
    int64_t value = 0;
    if (text && (!text_to_i64(text, strlen(text), &value) || value < 1 || value > CPUSET_MAX))
        return br_error_set(
            err, BR_ERR_USAGE,
            "SLURM_CPUS_PER_TASK is \"%.32s\", which is not a number of CPUs; unset it", text);
    *limit = (unsigned)value;
    return 0;
}

// Reads the machine. A failure is kept for plan_workers to report.
static void look_at_machine(struct preparation *in)
{
    if (slurm_limit(&in->cpu_limit, &in->machine) == 0)
        (void)topology_load(&in->p->machine, &in->machine);
}

// ---- Plugins and tasks

// Starts the inspection of plugin `i`, if there is such a plugin; end_inspection waits for it.
static void begin_inspection(struct preparation *in, size_t i)
{
    struct prepared *p = in->p;
    if (i >= p->job->plugin_count)
        return;
    const struct job_plugin *plugin = &p->job->plugins[i];
    struct plugin_file *file = &p->plugin_files[i];
    br_error *err = &in->unknown[i];
    char *path = plugin_locate(plugin->name, plugin->path, p->job->directory, err);
    if (path && plugin_file_open(path, file, err) == 0)
        (void)inspector_begin(in->inspector, i, &file->source, err); // end_inspection looks at *err
    free(path);
}

static bool end_inspection(struct preparation *in, size_t i)
{
    const struct job_plugin *plugin = &in->p->job->plugins[i];
    br_error *err = &in->unknown[i];
    if (err->kind == BR_ERR_NONE)
        (void)inspector_end(in->inspector, i, INSPECT_NS, &in->p->plugins[i], err);
    return err->kind == BR_ERR_NONE || note(in, plugin->mark, strlen(plugin->name), err);
}

// Plugins are inspected in processes of their own; the machine is read meanwhile.
static bool inspect_plugins_and_machine(struct preparation *in)
{
    for (size_t i = 0; i < INSPECTED_AT_ONCE; i++)
        begin_inspection(in, i);
    look_at_machine(in);
    for (size_t i = 0; i < in->p->job->plugin_count; i++) {
        if (!end_inspection(in, i))
            return false;
        begin_inspection(in, i + INSPECTED_AT_ONCE);
    }
    return true;
}

// Returns the entry of "plugin.task", or NULL. A missing task is noted, unless its plugin could not
// be inspected, which has been noted before.
static const struct plugin_entry *find_entry(struct preparation *in, const char *name,
                                             struct mark mark, unsigned *plugin, bool *ok)
{
    const char *task;
    int at = job_find_task(in->p->job, name, &task);
    if (at < 0 || in->unknown[at].kind != BR_ERR_NONE)
        return NULL;
    *plugin = (unsigned)at;
    br_error error = {0};
    const struct plugin_entry *entry = plugin_info_task(&in->p->plugins[at], task, &error);
    if (!entry)
        *ok = note(in, mark, strlen(name), &error);
    return entry;
}

static bool find_tasks(struct preparation *in)
{
    const struct job *job = in->p->job;
    bool ok = true;
    for (size_t i = 0; ok && i < job->phase_count; i++) {
        const struct job_phase *phase = &job->phases[i];
        struct prepared_phase *pp = &in->p->phases[i];
        pp->entry = find_entry(in, phase->task, phase->task_mark, &pp->plugin, &ok);
        if (pp->entry && phase->batch > 1 && !pp->entry->signature.many_rows)
            diagnostics_add(
                in->d, BR_ERR_PLUGIN, phase->batch_mark, 1, NULL,
                "phase `%s` has a batch of more than one row, and task %s takes one row "
                "at a time (\"%s\"): leave `batch` out",
                phase->name, phase->task, pp->entry->text);
        if (ok && phase->reduce.kind == REDUCE_TASK)
            pp->reduce_entry =
                find_entry(in, phase->reduce.task, phase->reduce.mark, &pp->reduce_plugin, &ok);
    }
    return ok;
}

// ---- Reductions

static void check_reduce_columns(struct preparation *in, const struct job_phase *phase,
                                 const struct signature *wants, const struct schema *gives,
                                 const char *giver)
{
    for (size_t i = 0; i < wants->inputs.count; i++) {
        const struct column *c = &wants->inputs.columns[i];
        int at = schema_find(gives, c->name);
        if (at < 0)
            diagnostics_add(in->d, BR_ERR_PLUGIN, phase->reduce.mark, strlen(phase->reduce.task),
                            NULL, "task %s needs column `%s` (%s), but %s returns no such column",
                            phase->reduce.task, c->name, schema_type_name(c->type), giver);
        else if (gives->columns[at].type != c->type)
            diagnostics_add(in->d, BR_ERR_PLUGIN, phase->reduce.mark, strlen(phase->reduce.task),
                            NULL, "task %s needs column `%s` as %s, but %s returns it as %s",
                            phase->reduce.task, c->name, schema_type_name(c->type), giver,
                            schema_type_name(gives->columns[at].type));
    }
}

static void check_reduce_task(struct preparation *in, const struct job_phase *phase,
                              const struct prepared_phase *pp, const struct schema *rows)
{
    const struct signature *s = &pp->reduce_entry->signature;
    if (!s->many_rows) {
        diagnostics_add(in->d, BR_ERR_PLUGIN, phase->reduce.mark, strlen(phase->reduce.task), NULL,
                        "task %s cannot reduce: it takes one row at a time (\"%s\"); a reduction "
                        "takes many: \"[...] -> ...\"",
                        phase->reduce.task, pp->reduce_entry->text);
        return;
    }
    check_reduce_columns(in, phase, s, rows, "the phase's task");
    // The task reduces its own results again, until one row is left.
    check_reduce_columns(in, phase, s, &s->results, "the reduction itself");
}

static bool copy_schema(const struct schema *from, struct schema *to, br_error *err)
{
    for (size_t i = 0; i < from->count; i++)
        if (schema_add(to, from->columns[i].name, strlen(from->columns[i].name),
                       from->columns[i].type, err) != 0)
            return false;
    return true;
}

static bool prepare_builtin(struct preparation *in, const struct job_phase *phase,
                            struct prepared_phase *pp)
{
    br_error error = {0};
    struct reduce *r = reduce_create(phase->reduce.kind, phase->reduce.fan_in, 0,
                                     &pp->entry->signature.results, &error);
    if (!r)
        return note(in, phase->reduce.mark, 1, &error);
    bool copied = copy_schema(reduce_schema(r), &pp->reduced, in->err);
    reduce_destroy(r);
    return copied;
}

// ---- Inputs and what a phase gives

// Returns the schema of the reduced row, or NULL for a phase without a reduction.
static const struct schema *reduced_schema(const struct job_phase *phase,
                                           const struct prepared_phase *pp)
{
    if (phase->reduce.kind == REDUCE_NONE)
        return NULL;
    return phase->reduce.kind == REDUCE_TASK ? &pp->reduce_entry->signature.results : &pp->reduced;
}

static bool check_output(struct preparation *in, size_t i)
{
    const struct job_phase *phase = &in->p->job->phases[i];
    br_error error = {0};
    enum output_format format;
    if (!phase->output)
        return true;
    char *path = prepared_output(in->p, i, in->err);
    if (!path)
        return false;
    bool ok = true;
    if (output_format_of(path, &format, &error) != 0 ||
        output_check(format, &in->p->phases[i].layout, &error) != 0 ||
        output_check_place(path, &error) != 0)
        ok = note(in, phase->output_mark, strlen(phase->output), &error);
    free(path);
    return ok;
}

static bool is_standard_input(const struct job_inputs *inputs)
{
    return inputs->kind == INPUT_LINES && strcmp(inputs->path, "-") == 0;
}

// Sets *columns to the columns that a phase's tasks get. Returns 1; 0 if they are unknown because
// of errors in the job, which have been noted; or -1 and in->err.
static int load_inputs(struct preparation *in, size_t i, struct schema *columns)
{
    const struct job *job = in->p->job;
    struct prepared_phase *pp = &in->p->phases[i];
    const struct job_inputs *inputs = &job->phases[i].inputs;
    const struct signature *sig = &pp->entry->signature;
    size_t mistakes = in->d->count;
    int result;
    if (inputs->kind == INPUT_FROM) {
        const struct result_layout *from = &in->p->phases[inputs->from].layout;
        if (from->schema.count == 0)
            return 0; // its columns are unknown because of errors that have been noted
        result = inputs_check_from(job, i, sig, &from->schema, in->d, columns, in->err);
    } else if (in->options->check_only && is_standard_input(inputs)) {
        return schema_add(columns, "line", strlen("line"), BR_STR, in->err) == 0 ? 1 : -1;
    } else {
        result = inputs_load(job, i, sig, NULL, in->d, &pp->image, &pp->rows, in->err);
        pp->loaded = result == 0;
        struct table table;
        if (pp->loaded && (table_open(&table, pp->image.data, pp->image.length, in->err) != 0 ||
                           results_schema_of_table(&table, columns, in->err) != 0))
            return -1;
    }
    if (result == 0)
        return 1;
    return in->d->count > mistakes ? 0 : -1;
}

static void check_phase_command(struct preparation *in, size_t i, const struct schema *columns)
{
    const struct prepared_phase *pp = &in->p->phases[i];
    struct table table;
    bool has_rows = pp->loaded && table_open(&table, pp->image.data, pp->image.length, NULL) == 0;
    check_command(in->p->job, i, columns, has_rows ? &table : NULL, in->d);
}

static bool prepare_phase(struct preparation *in, size_t i)
{
    const struct job_phase *phase = &in->p->job->phases[i];
    struct prepared_phase *pp = &in->p->phases[i];
    if (!pp->entry || (phase->reduce.kind == REDUCE_TASK && !pp->reduce_entry))
        return true; // an error that has been noted
    size_t mistakes = in->d->count;
    if (phase->reduce.kind != REDUCE_NONE && phase->reduce.kind != REDUCE_TASK &&
        !prepare_builtin(in, phase, pp))
        return false;
    struct schema columns = {0};
    int loaded = load_inputs(in, i, &columns);
    struct result_layout rows = {0};
    const struct schema *reduced = reduced_schema(phase, pp);
    const struct schema none = {0}, *beside = phase->batch > 1 ? &none : &columns;
    bool ok = loaded >= 0;
    if (loaded > 0 && in->d->count == mistakes)
        check_phase_command(in, i, &columns);
    if (loaded > 0 && in->d->count == mistakes) {
        ok = result_layout_make(beside, &pp->entry->signature.results, &rows, in->err) == 0;
        if (ok && pp->reduce_entry)
            check_reduce_task(in, phase, pp, &rows.schema);
        if (ok)
            ok = result_layout_make(reduced ? NULL : beside,
                                    reduced ? reduced : &pp->entry->signature.results, &pp->layout,
                                    in->err) == 0;
        if (ok)
            ok = check_output(in, i);
        if (rows.places)
            result_layout_finish(&rows);
    }
    schema_finish(&columns);
    return ok;
}

// ---- The plan

static bool plan_workers(struct preparation *in)
{
    struct prepared *p = in->p;
    const struct job_workers *w = &p->job->workers;
    br_error error = in->machine;
    if (error.kind != BR_ERR_NONE ||
        plan_make(&p->machine, w, in->cpu_limit, &p->plan, &error) != 0)
        return note(in, w->count_mark.line ? w->count_mark : w->mark, 1, &error);
    return true;
}

// ---- All of it

static bool make_room(struct prepared *p)
{
    const struct job *job = p->job;
    p->plugin_files = calloc(job->plugin_count + 1, sizeof *p->plugin_files);
    for (size_t i = 0; p->plugin_files && i < job->plugin_count; i++)
        p->plugin_files[i].fd = -1;
    p->plugins = calloc(job->plugin_count + 1, sizeof *p->plugins);
    p->phases = calloc(job->phase_count + 1, sizeof *p->phases);
    return p->plugin_files && p->plugins && p->phases;
}

static bool prepare_all(struct preparation *in)
{
    if (!inspect_plugins_and_machine(in) || !find_tasks(in) || !plan_workers(in))
        return false;
    for (size_t i = 0; i < in->p->job->phase_count; i++)
        if (!prepare_phase(in, i))
            return false;
    return check_files(in->p, in->d, in->err) == 0;
}

int prepare(struct job *job, struct nursery *nursery, const struct prepare_options *options,
            struct diagnostics *d, struct prepared *out, br_error *err)
{
    *out = (struct prepared){.job = job};
    struct preparation in = {.p = out, .options = options, .d = d, .err = err};
    if (kernel_check(err) != 0 || kernel_check_proc(err) != 0 ||
        worker_program_start(nursery, job->env, job->env_count, err) != 0)
        return -1;
    in.unknown = calloc(job->plugin_count + 1, sizeof *in.unknown);
    in.inspector = inspector_create(nursery, job->plugin_count, err);
    bool ok = in.unknown && in.inspector && make_room(out);
    if (!ok)
        br_error_nomem(err);
    ok = ok && prepare_all(&in);
    inspector_destroy(in.inspector);
    free(in.unknown);
    if (!ok)
        return -1;
    if (d->count > 0)
        return br_error_set(err, d->kind, "%zu error%s in %s", d->count, d->count == 1 ? "" : "s",
                            job->file);
    return 0;
}

static void finish_phase(struct prepared_phase *pp)
{
    buffer_finish(&pp->image);
    schema_finish(&pp->reduced);
    if (pp->layout.places)
        result_layout_finish(&pp->layout);
}

void prepared_finish(struct prepared *p)
{
    for (size_t i = 0; p->plugin_files && i < p->job->plugin_count; i++)
        plugin_file_close(&p->plugin_files[i]);
    for (size_t i = 0; p->plugins && i < p->job->plugin_count; i++)
        plugin_info_finish(&p->plugins[i]);
    for (size_t i = 0; p->phases && i < p->job->phase_count; i++)
        finish_phase(&p->phases[i]);
    free(p->plugin_files);
    free(p->plugins);
    free(p->phases);
    machine_finish(&p->machine);
    plan_finish(&p->plan);
    job_destroy(p->job);
    *p = (struct prepared){0};
}

struct buffer prepared_take_image(struct prepared *p, size_t phase)
{
    struct prepared_phase *pp = &p->phases[phase];
    struct buffer image = pp->image;
    pp->image = BUFFER_EMPTY;
    pp->loaded = false;
    return image;
}

uint64_t prepared_tasks(const struct prepared *p, size_t phase, uint64_t rows)
{
    uint64_t batch = p->job->phases[phase].batch;
    return rows / batch + (rows % batch != 0);
}

uint64_t prepared_seed(const struct prepared *p, const char *phase)
{
    const char *job = p->job->name;
    return journal_hash(journal_hash(0, job, strlen(job)), phase, strlen(phase));
}

char *prepared_output(const struct prepared *p, size_t phase, br_error *err)
{
    const char *output = p->job->phases[phase].output;
    struct buffer b = BUFFER_EMPTY;
    if (output[0] != '/' && strcmp(output, "-") != 0 && strcmp(p->job->directory, ".") != 0)
        buffer_format(&b, "%s/", p->job->directory);
    buffer_text(&b, output);
    return buffer_take_string(&b, err);
}
