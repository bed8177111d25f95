// SPDX-License-Identifier: BSD-3-Clause
// Reads a job file as a whole: source, tree, --set, the keys, then what phases refer to.
#include "jobfile/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "jobfile/spec_keys.h"
#include "jobfile/spec_messages.h"
#include "jobfile/spec_override.h"
#include "jobfile/spec_reader.h"
#include "jobfile/spec_readers.h"
#include "jobfile/spec_source.h"
#include "jobfile/spec_tree.h"

// A job without `name` gets the name of its file.
static void default_name(struct reader *r, struct node *root)
{
    if (r->job->name || spec_node_get(root, "name"))
        return;
    const char *slash = strrchr(r->job->file, '/');
    const char *base = slash ? slash + 1 : r->job->file;
    const char *dot = strrchr(base, '.');
    bool yaml = dot && dot > base && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
    int length = (int)(yaml ? (size_t)(dot - base) : strlen(base));
    struct node name = {.kind = NODE_SCALAR};
    name.text = spec_tree_format(&r->tree, "%.*s", length, base);
    name.length = strlen(name.text);
    // It is read like the key, without messages: the error to report is the missing key.
    r->silent = true;
    for (size_t i = 0; i < spec_job_table.count; i++)
        if (!strcmp(spec_job_table.keys[i].name, "name"))
            spec_read_key(r, &spec_job_table.keys[i], &name, r->job);
    r->silent = false;
    if (!r->job->name)
        spec_complain(r, root, "add `name: ...`",
                      "the job has no `name`, and the file's name cannot be used as one");
}

static void read_job(struct reader *r, struct node *root)
{
    if (root->kind != NODE_MAPPING) {
        spec_complain(r, root, "begin with `version: 1`",
                      "the job file is %s; expected a mapping of keys", spec_describe(r, root));
        return;
    }
    r->root = root;
    r->defaults = spec_node_get(root, "defaults");
    spec_read_table(r, &spec_job_table, "the job file", root, NULL, r->job);
    default_name(r, root);
    if (r->phase_nodes)
        spec_check_references(r);
}

static void read_source(struct reader *r, const struct spec_override *overrides, size_t count)
{
    if (spec_source_check(r->d) != 0)
        return;
    // libyaml would read the byte-order mark as text, because it expects UTF-8.
    size_t bom = r->job->text_length >= 3 && !memcmp(r->job->text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    struct node *root =
        spec_tree_parse(&r->tree, r->job->text + bom, r->job->text_length - bom, NULL, r->d);
    if (!root)
        return;
    for (size_t i = 0; i < count && root->kind == NODE_MAPPING; i++)
        spec_override_apply(&r->tree, root, &overrides[i], r->d);
    if (!r->tree.failed)
        read_job(r, root);
}

static struct job *create_job(const char *file, const char *directory, const char *text,
                              size_t length)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->file = strdup(file);
    job->directory = strdup(directory);
    job->text = malloc(length + 1);
    if (!job->file || !job->directory || !job->text) {
        job_destroy(job);
        return NULL;
    }
    if (length > 0)
        memcpy(job->text, text, length);
    job->text[length] = '\0';
    job->text_length = length;
    job->workers = (struct job_workers){.binding = BIND_CORE,
                                        .layout = LAYOUT_COMPACT,
                                        .width = 1,
                                        .membind_local = true,
                                        .start_ns = JOB_START_NS};
    job->limits = (struct job_limits){.memory = JOB_UNLIMITED,
                                      .cpu_time_ns = JOB_UNLIMITED,
                                      .open_files = JOB_UNLIMITED,
                                      .core_size = JOB_UNLIMITED,
                                      .printed = JOB_UNLIMITED};
    return job;
}

struct job *spec_parse(const char *file, const char *directory, const char *text, size_t length,
                       const struct spec_override *overrides, size_t override_count,
                       struct diagnostics *d, br_error *err)
{
    diagnostics_init(d, file, text, length);
    struct job *job = create_job(file, directory, text, length);
    if (!job) {
        br_error_nomem(err);
        return NULL;
    }
    d->source = job->text; // for errors that are found later, while the job lives
    struct reader r = {.job = job, .d = d};
    read_source(&r, overrides, override_count);
    bool failed = r.failed || r.tree.failed || d->text.failed;
    spec_tree_finish(&r.tree);
    free(r.phase_nodes);
    if (!failed && d->count == 0)
        return job;
    if (failed)
        br_error_nomem(err);
    else
        br_error_set(err, BR_ERR_USAGE, "%zu error%s in %s", d->count, d->count == 1 ? "" : "s",
                     file);
    job_destroy(job);
    d->source = "";
    d->source_length = 0;
    return NULL;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    while (slash > path && slash[-1] == '/')
        slash--;
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

struct job *spec_load(const char *path, const struct spec_override *overrides,
                      size_t override_count, struct diagnostics *d, br_error *err)
{
    diagnostics_init(d, path, "", 0);
    struct buffer text = BUFFER_EMPTY;
    struct job *job = NULL;
    if (fd_read_file(path, "job file", SPEC_FILE_MAX, &text, err) == 0) {
        char *directory = directory_of(path);
        if (directory)
            job = spec_parse(path, directory, text.data, text.length, overrides, override_count, d,
                             err);
        else
            br_error_nomem(err);
        free(directory);
    }
    buffer_finish(&text);
    return job;
}
