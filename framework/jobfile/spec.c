// SPDX-License-Identifier: BSD-3-Clause
#include "jobfile/spec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "jobfile/spec_keys.h"
#include "jobfile/spec_override.h"
#include "jobfile/spec_scalar.h"
#include "jobfile/spec_source.h"

// ---- The job's own keys

void read_version(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    struct cell cell;
    if (value->kind != NODE_SCALAR || scalar_resolve(value, &cell) != SCALAR_INTEGER)
        complain_type(r, key, value);
    else if (cell.i64 != 1)
        complain(r, value, "write `version: 1`",
                 "version %" PRId64 " of the job file's format; this batchrun reads version 1",
                 cell.i64);
}

static void check_plugin_name(struct reader *r, struct job_plugin *plugin, const struct node *at)
{
    const char *dot = plugin->name ? strchr(plugin->name, '.') : NULL;
    if (dot) {
        const char *start = !strncmp(plugin->name, "lib", 3) ? plugin->name + 3 : plugin->name;
        const char *cure = tree_format(&r->tree, "write `%.*s`, or {name: %.*s, path: FILE}",
                                       (int)(dot - start), start, (int)(dot - start), start);
        complain(r, at, strcmp(dot, ".so") ? "leave the dot out" : cure,
                 "a plugin's name cannot hold a dot: `%s`", plugin->name);
    }
    for (size_t i = 0; plugin->name && i < r->job->plugin_count; i++) {
        const char *other = r->job->plugins[i].name;
        if (other && !strcmp(other, plugin->name)) {
            complain(r, at, "remove one", "plugin `%s` is given twice; first on line %u",
                     plugin->name, r->job->plugins[i].mark.line);
            return;
        }
    }
}

static void read_plugin(struct reader *r, struct node *item, struct job_plugin *plugin)
{
    const struct spec_key *name = &spec_plugin_table.keys[0];
    plugin->mark = item->mark;
    if (item->kind == NODE_MAPPING) {
        read_table(r, &spec_plugin_table, "this plugin", item, NULL, plugin);
        const struct node *at = node_get(item, "name");
        check_plugin_name(r, plugin, at ? at : item);
        return;
    }
    if (item->kind == NODE_SCALAR && strchr(item->text, '/')) {
        complain(r, item, tree_format(&r->tree, "write {name: NAME, path: %.64s}", item->text),
                 "a plugin is given by name; this is a path");
        return;
    }
    read_key(r, name, item, plugin);
    check_plugin_name(r, plugin, item);
}

void read_plugins(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    if (value->kind != NODE_LIST) {
        complain_type(r, key, value);
        return;
    }
    if (value->count > SPEC_PHASES_MAX) {
        complain(r, value, NULL, "%zu plugins; the limit is %d", value->count, SPEC_PHASES_MAX);
        return;
    }
    r->job->plugins = keep_items(r, value->count, sizeof r->job->plugins[0]);
    for (struct node *item = value->first; item && r->job->plugins; item = item->next) {
        read_plugin(r, item, &r->job->plugins[r->job->plugin_count]);
        r->job->plugin_count++;
    }
}

static void read_variable(struct reader *r, const struct node *value, struct job_env *env)
{
    const struct node *name = value->key;
    if (name->length == 0 || strchr(name->text, '='))
        complain(r, name, "for example `OMP_SCHEDULE: static`",
                 "`%s` cannot be the name of an environment variable", name->text);
    else if (value->kind != NODE_SCALAR)
        complain(r, value, "write one value, or null to unset", "variable `%s` is %s; text is due",
                 name->text, describe(r, value));
    else {
        env->name = keep_text(r, name->text);
        if (!is_null(value))
            env->value = keep_text(r, value->text);
    }
}

void read_env(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    if (value->kind != NODE_MAPPING) {
        complain_type(r, key, value);
        return;
    }
    r->job->env = keep_items(r, value->count, sizeof r->job->env[0]);
    for (const struct node *item = value->first; item && r->job->env; item = item->next)
        read_variable(r, item, &r->job->env[r->job->env_count++]);
}

// Reads `defaults` once aloud, so that its mistakes are told once and where they are.
void read_defaults(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    if (value->kind != NODE_MAPPING) {
        complain_type(r, key, value);
        return;
    }
    struct spec_table partial = spec_phase_table;
    partial.partial = true;
    struct job_phase scratch;
    phase_init(&scratch);
    read_table(r, &partial, "`defaults`", value, NULL, &scratch);
    job_phase_finish(&scratch);
}

// ---- Phases

static void read_phase(struct reader *r, const struct spec_key *key, struct node *item, size_t p)
{
    struct job_phase *phase = &r->job->phases[p];
    phase_init(phase);
    phase->mark = item->mark;
    if (item->kind != NODE_MAPPING) {
        complain(r, item, tree_format(&r->tree, "for example %s", key->example),
                 "a phase is %s; a mapping is due", describe(r, item));
        return;
    }
    r->phase_nodes[p] = item;
    const struct node *name = node_get(item, "name");
    const char *what = name && name->kind == NODE_SCALAR && name->length > 0 && name->length <= 64
                           ? tree_format(&r->tree, "phase `%s`", name->text)
                           : "this phase";
    read_table(r, &spec_phase_table, what, item, r->defaults, phase);
    for (size_t i = 0; phase->name && i < p; i++)
        if (r->job->phases[i].name && !strcmp(r->job->phases[i].name, phase->name)) {
            complain(r, name, "give every phase its own name",
                     "there are two phases `%s`; the first is on line %u", phase->name,
                     r->job->phases[i].mark.line);
            return;
        }
}

void read_phases(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    if (value->kind != NODE_LIST) {
        complain(r, value, "for example `- name: areas`", "`phases` is %s; %s is due",
                 describe(r, value), key->due);
        return;
    }
    if (value->count == 0)
        complain(r, value, "add a phase", "`phases` is empty");
    if (value->count > SPEC_PHASES_MAX) {
        complain(r, value, "make rows of them: one phase takes any number of inputs",
                 "%zu phases; the limit is %d", value->count, SPEC_PHASES_MAX);
        return;
    }
    r->job->phases = keep_items(r, value->count, sizeof r->job->phases[0]);
    r->phase_nodes = keep_items(r, value->count, sizeof r->phase_nodes[0]);
    if (!r->job->phases || !r->phase_nodes)
        return;
    for (struct node *item = value->first; item; item = item->next) {
        size_t p = r->job->phase_count++;
        read_phase(r, key, item, p);
    }
}

// ---- The whole

// Without a `name`, the file's name is it.
static void default_name(struct reader *r, struct node *root)
{
    if (r->job->name || node_get(root, "name"))
        return;
    const char *slash = strrchr(r->job->file, '/');
    const char *base = slash ? slash + 1 : r->job->file;
    const char *dot = strrchr(base, '.');
    bool yaml = dot && dot > base && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
    int length = (int)(yaml ? (size_t)(dot - base) : strlen(base));
    struct node name = {.kind = NODE_SCALAR};
    name.text = tree_format(&r->tree, "%.*s", length, base);
    name.length = strlen(name.text);
    // Read as the key would be, but quietly: what a person can mend is the missing key.
    r->silent = true;
    for (size_t i = 0; i < spec_job_table.count; i++)
        if (!strcmp(spec_job_table.keys[i].name, "name"))
            read_key(r, &spec_job_table.keys[i], &name, r->job);
    r->silent = false;
    if (!r->job->name)
        complain(r, root, "add `name: ...`",
                 "the job has no `name`, and the file's name cannot be one");
}

static void read_job(struct reader *r, struct node *root)
{
    if (root->kind != NODE_MAPPING) {
        complain(r, root, "begin with `version: 1`", "the job file is %s; a mapping of keys is due",
                 describe(r, root));
        return;
    }
    r->root = root;
    r->defaults = node_get(root, "defaults");
    read_table(r, &spec_job_table, "the job file", root, NULL, r->job);
    default_name(r, root);
    if (r->phase_nodes)
        check_references(r);
}

static void read_source(struct reader *r, const struct spec_override *overrides, size_t count)
{
    if (source_check(r->d) != 0)
        return;
    // libyaml, told that it is UTF-8, would take the byte-order mark for text.
    size_t bom = r->job->text_length >= 3 && !memcmp(r->job->text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    struct node *root =
        tree_parse(&r->tree, r->job->text + bom, r->job->text_length - bom, NULL, r->d);
    if (!root)
        return;
    for (size_t i = 0; i < count && root->kind == NODE_MAPPING; i++)
        override_apply(&r->tree, root, &overrides[i], r->d);
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
    job->workers = (struct job_workers){
        .binding = BIND_CORE, .layout = LAYOUT_COMPACT, .width = 1, .membind_local = true};
    job->limits = (struct job_limits){.memory = JOB_UNLIMITED,
                                      .cpu_time_ns = JOB_UNLIMITED,
                                      .open_files = JOB_UNLIMITED,
                                      .core_size = JOB_UNLIMITED,
                                      .output = JOB_UNLIMITED};
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
    d->source = job->text; // lives on with the job, for what is found in it later
    struct reader r = {.job = job, .d = d};
    read_source(&r, overrides, override_count);
    bool failed = r.failed || r.tree.failed || d->text.failed;
    tree_finish(&r.tree);
    free(r.phase_nodes);
    if (!failed && d->count == 0)
        return job;
    if (failed)
        br_error_nomem(err);
    else
        br_error_set(err, BR_ERR_USAGE, "%zu mistake%s in %s", d->count, d->count == 1 ? "" : "s",
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
