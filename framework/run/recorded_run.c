// SPDX-License-Identifier: BSD-3-Clause
#include "run/recorded_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "inputs/inputs.h"
#include "inputs/phase_table.h"
#include "jobfile/spec_source.h"
#include "journal/replay.h"
#include "run/resume_state.h"

// ---- Facts about the job in the journal

struct about {
    struct event_sink sink;
    struct recorded_run *past;
};

static int take_set(struct recorded_run *p, const char *text, br_error *err)
{
    struct spec_override *overrides =
        realloc(p->overrides, (p->override_count + 1) * sizeof *overrides);
    if (overrides)
        p->overrides = overrides;
    char **sets = realloc(p->sets, (p->override_count + 1) * sizeof *sets);
    if (sets)
        p->sets = sets;
    char *copy = strdup(text);
    char *equals = copy ? strchr(copy, '=') : NULL;
    if (!overrides || !sets || !copy || !equals) {
        free(copy);
        return equals || !copy ? br_error_nomem(err) : 0;
    }
    *equals = '\0';
    p->sets[p->override_count] = copy;
    p->overrides[p->override_count++] = (struct spec_override){copy, equals + 1};
    return 0;
}

// Forgets a --set that was left out later.
static void drop_set(struct recorded_run *p, const char *text)
{
    size_t i = 0, length = strcspn(text, "=");
    while (i < p->override_count &&
           (strlen(p->sets[i]) != length || memcmp(p->sets[i], text, length) != 0 ||
            text[length] != '=' || strcmp(p->overrides[i].value, text + length + 1) != 0))
        i++;
    if (i == p->override_count)
        return;
    free(p->sets[i]);
    size_t after = --p->override_count - i;
    memmove(&p->sets[i], &p->sets[i + 1], after * sizeof *p->sets);
    memmove(&p->overrides[i], &p->overrides[i + 1], after * sizeof *p->overrides);
}

static int take_about(struct event_sink *sink, const struct event *e, br_error *err)
{
    struct recorded_run *p = ((struct about *)sink)->past;
    if (e->type == EVENT_ACCEPT && strcmp(e->accept.what, "--set") == 0) {
        if (e->accept.new_hash != 0)
            return take_set(p, e->accept.name, err);
        drop_set(p, e->accept.name);
        return 0;
    }
    if (e->type == EVENT_SOURCE && strcmp(e->source.what, "--set") == 0)
        return take_set(p, e->source.name, err);
    if (e->type != EVENT_RUN_BEGIN || p->job_file)
        return 0;
    p->job_file = strdup(e->run_begin.job_file);
    return p->job_file ? 0 : br_error_nomem(err);
}

int recorded_run_open(struct recorded_run *out, const char *run, br_error *err)
{
    *out = (struct recorded_run){.dir = {.fd = -1, .logs = -1, .results = -1}};
    struct about about = {.sink.take = take_about, .past = out};
    struct event_sink *sinks[] = {&about.sink};
    if (rundir_open(&out->dir, run, err) != 0 || replay(&out->dir, sinks, 1, err) != 0)
        return -1;
    if (!out->job_file)
        return br_error_set(err, BR_ERR_USAGE, "%s has not started: its journal is empty",
                            out->dir.path);
    return 0;
}

void recorded_run_close(struct recorded_run *p)
{
    for (size_t i = 0; i < p->override_count; i++)
        free(p->sets[i]);
    free(p->sets);
    free(p->overrides);
    free(p->job_file);
    rundir_finish(&p->dir);
}

// ---- The job

static char *directory_of(const char *path, br_error *err)
{
    const char *slash = strrchr(path, '/');
    char *directory = strndup(path, slash && slash > path ? (size_t)(slash - path) : 1);
    if (!directory)
        br_error_nomem(err);
    return directory;
}

static int read_job(const struct recorded_run *p, struct buffer *text, br_error *err)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_format(&b, "%s/job.yaml", p->dir.path);
    char *path = buffer_take_string(&b, err);
    int result = path ? fd_read_file(path, "job file", SPEC_FILE_MAX, text, err) : -1;
    free(path);
    return result;
}

int recorded_run_prepare(const struct recorded_run *p, struct nursery *nursery,
                         struct prepared *out, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    struct prepare_options options = {.check_only = true};
    struct diagnostics d;
    *out = (struct prepared){0};
    char *directory = directory_of(p->job_file, err);
    if (!directory || read_job(p, &text, err) != 0) {
        free(directory);
        return -1;
    }
    // The run may come from a machine with more cores than this one.
    struct job *job = spec_parse(p->job_file, directory, text.data, text.length, p->overrides,
                                 p->override_count, &d, err);
    if (job)
        job->workers.oversubscribe = true;
    int result = job ? prepare(job, nursery, &options, &d, out, err) : -1;
    if (result != 0 && d.count > 0)
        br_error_set(err, d.kind, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
    buffer_finish(&text);
    free(directory);
    return result;
}

// ---- Results of a phase

// Sets *out to the rows of the tasks that succeeded. The caller destroys it.
static int gather_results(const struct recorded_run *p, const struct prepared *prepared,
                          size_t phase, uint64_t tasks, struct results **out, br_error *err)
{
    struct resume_state state;
    struct resume_history history = {0};
    struct event_sink *sinks[] = {&state.sink};
    uint32_t *numbers = calloc(2 * prepared->job->phase_count, sizeof *numbers);
    resume_state_init(&state, prepared);
    uint32_t number = 0;
    int result = numbers ? replay(&p->dir, sinks, 1, err) : br_error_nomem(err);
    if (result == 0) {
        resume_state_settle(&state);
        resume_state_numbers(&state, prepared->job, numbers);
        number = numbers[phase];
        result = resume_state_history(&state, number, 0, tasks, &history, err);
    }
    free(numbers);
    enum phase_end how = PHASE_SKIPPED;
    const char *name = prepared->job->phases[phase].name;
    if (result == 0 && state.is_try)
        result = br_error_set(err, BR_ERR_USAGE,
                              "%s is a try, and phase `%s` has only some of its rows there",
                              p->dir.path, name);
    else if (result == 0 && !history.results)
        result = br_error_set(err, BR_ERR_USAGE, "phase `%s`, which it reads from, has no results",
                              name);
    else if (result == 0 && (!resume_state_over(&state, number, &how) || how != PHASE_ENDED))
        result = br_error_set(err, BR_ERR_USAGE,
                              "phase `%s`, which it reads from, did not come to its end", name);
    if (result == 0) {
        *out = history.results;
        history.results = NULL;
    }
    resume_history_finish(&history);
    resume_state_finish(&state);
    return result;
}

// ---- Inputs

int recorded_run_given(const struct recorded_run *p, struct prepared *prepared, size_t phase,
                       struct buffer *image, br_error *err)
{
    const struct job_phase *spec = &prepared->job->phases[phase];
    struct buffer own = BUFFER_EMPTY, none = BUFFER_EMPTY;
    struct results *results = NULL;
    struct table table, batches;
    if (spec->reduce.kind != REDUCE_NONE)
        return br_error_set(err, BR_ERR_USAGE,
                            "its inputs come from phase `%s`, which was reduced, and are not kept; "
                            "run the task by its name: batchrun task PLUGIN.TASK name=value...",
                            spec->name);
    int result = recorded_run_inputs(p, prepared, phase, &own, err);
    if (result == 0)
        result = table_open(&table, own.data, own.length, err);
    uint64_t tasks = result == 0 ? prepared_tasks(prepared, phase, table_rows(&table)) : 0;
    if (result == 0 && spec->batch > 1)
        result = phase_table_make_batches(tasks, &none, &batches, err);
    if (result == 0)
        result = gather_results(p, prepared, phase, tasks, &results, err);
    if (result == 0)
        result = results_table(results, spec->batch > 1 ? &batches : &table, image, err);
    results_destroy(results);
    buffer_finish(&none);
    buffer_finish(&own);
    return result;
}

int recorded_run_inputs(const struct recorded_run *p, struct prepared *prepared, size_t phase,
                        struct buffer *image, br_error *err)
{
    const struct job *job = prepared->job;
    struct prepared_phase *pp = &prepared->phases[phase];
    if (pp->loaded) {
        *image = prepared_take_image(prepared, phase);
        return 0;
    }
    if (job->phases[phase].inputs.kind != INPUT_FROM)
        return br_error_set(err, BR_ERR_USAGE,
                            "phase `%s` had its inputs from standard input, and they are not kept; "
                            "run the task by its name: batchrun task PLUGIN.TASK name=value...",
                            job->phases[phase].name);
    struct buffer given = BUFFER_EMPTY;
    struct table table;
    struct diagnostics d;
    uint64_t rows;
    diagnostics_init(&d, job->file, job->text, job->text_length);
    int result = recorded_run_given(p, prepared, job->phases[phase].inputs.from, &given, err);
    if (result == 0)
        result = table_open(&table, given.data, given.length, err);
    if (result == 0)
        result = inputs_load(job, phase, &pp->entry->signature, &table, &d, image, &rows, err);
    if (result != 0 && d.count > 0)
        br_error_set(err, d.kind, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
    buffer_finish(&given);
    return result;
}
