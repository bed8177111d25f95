// SPDX-License-Identifier: BSD-3-Clause
#include "run/phase_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "results/output.h"

// Returns the path of a result file, which the caller frees: the phase's `output`, or a file of the
// run directory. A try leaves the `output` of whole runs alone, and only has its format.
static char *result_path(const struct phase *p, const char *suffix, br_error *err)
{
    const struct phases *ph = p->owner;
    const char *output = suffix[0] ? NULL : p->spec->output;
    bool is_try = ph->options.part != NULL;
    if (output && (!is_try || strcmp(output, "-") == 0))
        return prepared_output(ph->options.prepared, p->place, err);
    struct buffer b = BUFFER_EMPTY;
    const char *dot = output ? strrchr(output, '.') : NULL;
    buffer_format(&b, "%s/%s%s%s", ph->options.results_directory, p->spec->name, suffix,
                  dot && !strchr(dot, '/') ? dot : ".csv");
    return buffer_take_string(&b, err);
}

// Rows that an earlier process wrote to standard output cannot be written again: they count as
// there.
static bool is_there(const char *path)
{
    return strcmp(path, "-") == 0 || access(path, F_OK) == 0;
}

static void write_standard(struct writer_job *job, const atomic_bool *given_up)
{
    struct standard_rows *rows = (struct standard_rows *)job;
    rows->error = (br_error){0};
    (void)output_write_standard(rows->format, rows->inputs, rows->results, given_up, &rows->error);
    atomic_store(&rows->written, true);
}

// Lets the writer write the rows, if there is one, and the phase wait for that.
static int write_out(struct phase *p, enum output_format format, const struct table *inputs,
                     const struct results *results, br_error *err)
{
    const struct phases_options *o = &p->owner->options;
    o->before_output(o->user);
    p->standard.job.run = write_standard;
    p->standard.format = format;
    p->standard.inputs = inputs;
    p->standard.results = results;
    atomic_store(&p->standard.written, false);
    if (!o->standard || writer_add(o->standard, &p->standard.job) != 0)
        return output_write("-", o->tag, format, inputs, results, err);
    p->state = WRITING;
    return 0;
}

static int write_file(struct phase *p, const char *suffix, const struct table *inputs,
                      const struct results *results, br_error *err)
{
    enum output_format format;
    char *path = result_path(p, suffix, err);
    if (!path)
        return -1;
    int result = output_format_of(path, &format, err);
    if (result == 0 && !(phase_was_done(p) && is_there(path))) {
        if (strcmp(path, "-") == 0)
            result = write_out(p, format, inputs, results, err);
        else
            result = output_write(path, p->owner->options.tag, format, inputs, results, err);
        p->has_written |= result == 0 && suffix[0] == '\0';
    }
    free(path);
    return result;
}

// Rows of a phase with a reduction are written to PHASE.rows.csv if they are kept.
int phase_write_results(struct phase *p, br_error *err)
{
    if (p->spec->reduce.kind == REDUCE_NONE)
        return write_file(p, "", phase_inputs(p), p->results, err);
    if (p->spec->keep_results && write_file(p, ".rows", phase_inputs(p), p->results, err) != 0)
        return -1;
    return p->reduced ? write_file(p, "", NULL, p->reduced, err) : 0;
}

int phase_has_files(const struct phase *p, bool *there, br_error *err)
{
    const struct phases *ph = p->owner;
    bool reduces = p->spec->reduce.kind != REDUCE_NONE;
    bool failed = resume_state_failed(ph->options.resume_state, p->reduction) > 0;
    const struct {
        const char *suffix;
        bool wanted;
    } files[] = {{"", !reduces || !failed}, {".rows", reduces && p->spec->keep_results}};
    bool all = true;
    for (int i = 0; i < 2; i++) {
        char *path = files[i].wanted ? result_path(p, files[i].suffix, err) : NULL;
        if (files[i].wanted && !path)
            return -1;
        all = all && (!path || is_there(path));
        free(path);
    }
    *there = all;
    return 0;
}

int phase_remove_files(const struct phase *p, br_error *err)
{
    static const char *const suffixes[] = {"", ".rows"};
    int result = 0;
    for (int i = 0; result == 0 && i < 2; i++) {
        struct buffer b = BUFFER_EMPTY;
        buffer_format(&b, "%s/%s%s.csv", p->owner->options.results_directory, p->spec->name,
                      suffixes[i]);
        char *path = buffer_take_string(&b, err);
        result = path ? 0 : -1;
        if (path && unlink(path) != 0 && errno != ENOENT)
            result = br_error_errno(err, "cannot remove the earlier result file %s", path);
        free(path);
    }
    return result;
}

void phase_describe_old_output(const struct phase *p, struct buffer *out)
{
    const char *output = p->spec->output;
    if (!output || p->owner->options.part || p->has_written || phase_was_done(p))
        return;
    char *path = result_path(p, "", NULL);
    if (path && strcmp(path, "-") != 0 && is_there(path)) {
        buffer_text(out, "batchrun: ");
        text_escaped(out, path, strlen(path));
        buffer_format(out, " holds earlier rows: phase %s has not written it in this run\n",
                      p->spec->name);
    }
    free(path);
}
