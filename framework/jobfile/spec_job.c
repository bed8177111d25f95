// SPDX-License-Identifier: BSD-3-Clause
// Reads the keys of the job itself, and the list of its phases.
#include <inttypes.h>
#include <string.h>

#include "jobfile/spec_messages.h"
#include "jobfile/spec_reader.h"
#include "jobfile/spec_readers.h"
#include "jobfile/spec_scalar.h"
#include "jobfile/spec_value.h"

void spec_read_version(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    (void)field;
    struct cell cell;
    if (value->kind != NODE_SCALAR || spec_scalar_resolve(value, &cell) != SCALAR_INTEGER)
        spec_complain_type(r, key, value);
    else if (cell.i64 != 1)
        spec_complain(r, value, "write `version: 1`",
                      "version %" PRId64 " of the job file's format; this batchrun reads version 1",
                      cell.i64);
}

// Reads `count` alone, or a mapping of all keys.
void spec_read_workers(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    if (value->kind == NODE_LIST || spec_is_null(value)) {
        spec_complain_type(r, key, value);
        return;
    }
    if (value->kind == NODE_MAPPING) {
        spec_read_table(r, key->table, key->table->what, value, NULL, field);
        return;
    }
    struct spec_key count = key->table->keys[0];
    count.name = key->name;
    spec_read_key(r, &count, value, field);
}

static void check_plugin_name(struct reader *r, struct job_plugin *plugin, const struct node *at)
{
    const char *dot = plugin->name ? strchr(plugin->name, '.') : NULL;
    if (dot) {
        const char *start = !strncmp(plugin->name, "lib", 3) ? plugin->name + 3 : plugin->name;
        const char *hint = spec_tree_format(&r->tree, "write `%.*s`, or {name: %.*s, path: FILE}",
                                            (int)(dot - start), start, (int)(dot - start), start);
        spec_complain(r, at, strcmp(dot, ".so") ? "leave the dot out" : hint,
                      "a plugin's name cannot hold a dot: `%s`", plugin->name);
    }
    if (plugin->name && !plugin->path && !strcmp(plugin->name, "exec"))
        spec_complain(r, at, "write `command`", "the plugin `exec` is now `command`");
    for (size_t i = 0; plugin->name && i < r->job->plugin_count; i++) {
        const char *other = r->job->plugins[i].name;
        if (other && !strcmp(other, plugin->name)) {
            spec_complain(r, at, "remove one", "plugin `%s` is given twice; first on line %u",
                          plugin->name, r->job->plugins[i].mark.line);
            return;
        }
    }
}

static void read_plugin(struct reader *r, const struct spec_table *table, struct node *item,
                        struct job_plugin *plugin)
{
    const struct spec_key *name = &table->keys[0];
    plugin->mark = item->mark;
    if (item->kind == NODE_MAPPING) {
        spec_read_table(r, table, "this plugin", item, NULL, plugin);
        const struct node *at = spec_node_get(item, "name");
        check_plugin_name(r, plugin, at ? at : item);
        return;
    }
    if (item->kind == NODE_SCALAR && strchr(item->text, '/')) {
        spec_complain(r, item,
                      spec_tree_format(&r->tree, "write {name: NAME, path: %.64s}", item->text),
                      "a plugin is given by name; this is a path");
        return;
    }
    spec_read_key(r, name, item, plugin);
    check_plugin_name(r, plugin, item);
}

void spec_read_plugins(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    (void)field;
    if (value->kind != NODE_LIST) {
        spec_complain_type(r, key, value);
        return;
    }
    if (value->count > SPEC_PHASES_MAX) {
        spec_complain(r, value, NULL, "%zu plugins; the limit is %d", value->count,
                      SPEC_PHASES_MAX);
        return;
    }
    r->job->plugins = spec_keep_items(r, value->count, sizeof r->job->plugins[0]);
    for (struct node *item = value->first; item && r->job->plugins; item = item->next) {
        read_plugin(r, key->table, item, &r->job->plugins[r->job->plugin_count]);
        r->job->plugin_count++;
    }
}

static void read_variable(struct reader *r, const struct node *value, struct job_env *env)
{
    const struct node *name = value->key;
    if (name->length == 0 || strchr(name->text, '='))
        spec_complain(r, name, "for example `OMP_SCHEDULE: static`",
                      "`%s` cannot be the name of an environment variable", name->text);
    else if (value->kind != NODE_SCALAR)
        spec_complain(r, value, "write one value, or null to unset",
                      "variable `%s` is %s; expected text", name->text, spec_describe(r, value));
    else {
        env->name = spec_keep_text(r, name->text);
        if (!spec_is_null(value))
            env->value = spec_keep_text(r, value->text);
    }
}

void spec_read_env(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    if (value->kind != NODE_MAPPING) {
        spec_complain_type(r, key, value);
        return;
    }
    r->job->env = spec_keep_items(r, value->count, sizeof r->job->env[0]);
    for (const struct node *item = value->first; item && r->job->env; item = item->next)
        read_variable(r, item, &r->job->env[r->job->env_count++]);
}

// Reads `defaults` into no phase, so that its errors are reported once, where they are.
void spec_read_defaults(struct reader *r, const struct spec_key *key, struct node *value,
                        void *field)
{
    (void)field;
    if (value->kind != NODE_MAPPING) {
        spec_complain_type(r, key, value);
        return;
    }
    struct spec_table partial = *key->table;
    partial.partial = true;
    struct job_phase scratch;
    spec_phase_init(&scratch);
    spec_read_table(r, &partial, "`defaults`", value, NULL, &scratch);
    job_phase_finish(&scratch);
}

// ---- Phases

static void read_phase(struct reader *r, const struct spec_key *key, struct node *item, size_t p)
{
    struct job_phase *phase = &r->job->phases[p];
    spec_phase_init(phase);
    phase->mark = item->mark;
    if (item->kind != NODE_MAPPING) {
        spec_complain(r, item, spec_tree_format(&r->tree, "for example %s", key->example),
                      "a phase is %s; expected a mapping", spec_describe(r, item));
        return;
    }
    r->phase_nodes[p] = item;
    const struct node *name = spec_node_get(item, "name");
    const char *what = name && name->kind == NODE_SCALAR && name->length > 0 && name->length <= 64
                           ? spec_tree_format(&r->tree, "phase `%s`", name->text)
                           : "this phase";
    spec_read_table(r, key->table, what, item, r->defaults, phase);
    for (size_t i = 0; phase->name && i < p; i++)
        if (r->job->phases[i].name && !strcmp(r->job->phases[i].name, phase->name)) {
            spec_complain(r, name, "give every phase its own name",
                          "there are two phases `%s`; the first is on line %u", phase->name,
                          r->job->phases[i].mark.line);
            return;
        }
}

void spec_read_phases(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field;
    if (value->kind != NODE_LIST) {
        spec_complain(r, value, "for example `- name: areas`", "`phases` is %s; expected %s",
                      spec_describe(r, value), key->expected);
        return;
    }
    if (value->count == 0)
        spec_complain(r, value, "add a phase", "`phases` is empty");
    if (value->count > SPEC_PHASES_MAX) {
        spec_complain(r, value, "make rows of them: one phase takes any number of inputs",
                      "%zu phases; the limit is %d", value->count, SPEC_PHASES_MAX);
        return;
    }
    r->job->phases = spec_keep_items(r, value->count, sizeof r->job->phases[0]);
    r->phase_nodes = spec_keep_items(r, value->count, sizeof r->phase_nodes[0]);
    if (!r->job->phases || !r->phase_nodes)
        return;
    for (struct node *item = value->first; item; item = item->next) {
        size_t p = r->job->phase_count++;
        read_phase(r, key, item, p);
    }
}
