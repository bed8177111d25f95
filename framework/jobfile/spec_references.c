// SPDX-License-Identifier: BSD-3-Clause
// Checks the references of phases to each other, to plugins and to files, once all phases are read.
#include <stdlib.h>
#include <string.h>

#include "jobfile/spec_messages.h"
#include "jobfile/spec_readers.h"
#include "jobfile/spec_scalar.h"
#include "jobfile/spec_value.h"

// The value of `key` in phase `p`: its own, else that of `defaults`. NULL if neither has it.
static struct node *phase_get(const struct reader *r, size_t p, const char *key)
{
    struct node *own = spec_node_get(r->phase_nodes[p], key);
    return own ? own : spec_node_get(r->defaults, key);
}

// As spec_complain, but once for a node: a node of `defaults` is checked again for every phase.
#define spec_complain_once(r, node, ...)                                                           \
    do {                                                                                           \
        if (!(node)->reported)                                                                     \
            spec_complain(r, node, __VA_ARGS__);                                                   \
        (node)->reported = true;                                                                   \
    } while (0)

static const char *nearest_phase(struct reader *r, size_t count, const char *text)
{
    const char **words = spec_keep_items(r, count, sizeof *words);
    if (!words)
        return NULL;
    for (size_t i = 0; i < count; i++)
        words[i] = r->job->phases[i].name ? r->job->phases[i].name : "";
    const char *hint = spec_did_you_mean(r, text, words, count);
    free(words);
    return hint ? hint : "add that phase above, or leave it out";
}

// Returns the index of the phase that `node` names, which must come before phase `p`; -1 after
// reporting an error.
static long find_earlier(struct reader *r, size_t p, struct node *node)
{
    const char *text = node->text;
    size_t at = 0;
    while (at < r->job->phase_count &&
           !(r->job->phases[at].name && !strcmp(r->job->phases[at].name, text)))
        at++;
    if (at < p)
        return (long)at;
    if (at == r->job->phase_count)
        spec_complain_once(r, node,
                           p > 0 ? nearest_phase(r, p, text) : "leave it out: this is the first",
                           "there is no phase `%.64s` before this one", text);
    else if (at == p)
        spec_complain_once(r, node, "name an earlier phase", "phase `%s` cannot wait for itself",
                           text);
    else
        spec_complain_once(r, node, "move that phase up, before this one",
                           "phase `%s` comes later, on line %u", text,
                           r->job->phases[at].mark.line);
    return -1;
}

static bool is_text(const struct node *node)
{
    struct cell cell;
    return node && node->kind == NODE_SCALAR && node->length > 0 &&
           spec_scalar_resolve(node, &cell) == SCALAR_TEXT;
}

static void add_need(struct reader *r, struct job_phase *phase, size_t need, struct node *node)
{
    size_t at = phase->need_count;
    while (at > 0 && phase->needs[at - 1] > need)
        at--;
    if (at > 0 && phase->needs[at - 1] == need) {
        spec_complain_once(r, node, "remove one", "`%s` is given twice", node->text);
        return;
    }
    memmove(phase->needs + at + 1, phase->needs + at, (phase->need_count - at) * sizeof(size_t));
    phase->needs[at] = need;
    phase->need_count++;
}

static void resolve_needs(struct reader *r, size_t p)
{
    struct job_phase *phase = &r->job->phases[p];
    struct node *needs = phase_get(r, p, "needs");
    if (!needs || needs->kind != NODE_LIST || needs->count > SPEC_PHASES_MAX)
        return;
    phase->needs = spec_keep_items(r, needs->count, sizeof phase->needs[0]);
    for (struct node *item = needs->first; item && phase->needs; item = item->next) {
        long need = is_text(item) && !item->reported ? find_earlier(r, p, item) : -1;
        if (need >= 0)
            add_need(r, phase, (size_t)need, item);
    }
}

static void resolve_from(struct reader *r, size_t p)
{
    struct job_inputs *inputs = &r->job->phases[p].inputs;
    struct node *from = spec_node_get(spec_node_get(r->phase_nodes[p], "inputs"), "from");
    if (inputs->kind != INPUT_FROM || !is_text(from))
        return;
    long earlier = find_earlier(r, p, from);
    if (earlier >= 0)
        inputs->from = (size_t)earlier;
}

// Returns whether the task has the old name of the plugin `command`, which is `exec`, and reports
// it. A plugin with a path may be called `exec`.
static bool has_old_name(struct reader *r, const char *task, int plugin, struct node *node)
{
    if (strncmp(task, "exec.", 5) != 0 || (plugin >= 0 && r->job->plugins[plugin].path))
        return false;
    spec_complain_once(r, node, spec_tree_format(&r->tree, "write `command.%.64s`", task + 5),
                       "the plugin `exec` is now `command`");
    return true;
}

static void check_plugin(struct reader *r, const char *task, struct node *node)
{
    const char *rest;
    if (!task || !node)
        return;
    int plugin = job_find_task(r->job, task, &rest);
    if (has_old_name(r, task, plugin, node) || plugin >= 0)
        return;
    size_t count = r->job->plugin_count;
    const char **words = spec_keep_items(r, count, sizeof *words);
    for (size_t i = 0; words && i < count; i++)
        words[i] = r->job->plugins[i].name ? r->job->plugins[i].name : "";
    const char *name = spec_tree_format(&r->tree, "%.*s", (int)strcspn(task, "."), task);
    const char *hint = words ? spec_did_you_mean(r, name, words, count) : NULL;
    if (!hint)
        hint = count > 0 ? spec_tree_format(&r->tree, "add `- %.64s` to `plugins`", name)
                         : spec_tree_format(&r->tree, "add `plugins: [%.64s]` to the file", name);
    spec_complain_once(r, node, hint, "there is no plugin `%.64s` in `plugins`", name);
    free(words);
}

static void check_tasks(struct reader *r, size_t p)
{
    const struct job_phase *phase = &r->job->phases[p];
    struct node *reduce = phase_get(r, p, "reduce");
    check_plugin(r, phase->task, spec_node_get(r->phase_nodes[p], "task"));
    if (reduce && reduce->kind == NODE_MAPPING)
        reduce = spec_node_get(reduce, "task");
    check_plugin(r, phase->reduce.task, reduce);
}

// Returns the path without a leading "./", for comparisons.
static const char *bare_path(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    return path;
}

static void check_output(struct reader *r, size_t p)
{
    const struct job_phase *phase = &r->job->phases[p];
    struct node *node = phase_get(r, p, "output");
    for (size_t i = 0; phase->output && i < p; i++) {
        const struct job_phase *other = &r->job->phases[i];
        if (!other->output || strcmp(bare_path(other->output), bare_path(phase->output)) != 0)
            continue;
        if (!strcmp(phase->output, "-"))
            spec_complain_once(r, node, "let one of them write to a file",
                               "phases `%s` and `%s` both write to standard output",
                               other->name ? other->name : "?", phase->name ? phase->name : "?");
        else
            spec_complain_once(
                r, node, "give each its own file", "phases `%s` and `%s` both write to `%.64s`",
                other->name ? other->name : "?", phase->name ? phase->name : "?", phase->output);
        return;
    }
}

// Reports a second reader of standard input: one phase's lines or one axis of a matrix can read it.
static void check_standard_input(struct reader *r, size_t p, bool *taken)
{
    const struct job_inputs *inputs = &r->job->phases[p].inputs;
    size_t axes = inputs->kind == INPUT_MATRIX ? inputs->matrix.axis_count : 1;
    for (size_t i = 0; i < axes; i++) {
        const struct job_inputs *one =
            inputs->kind == INPUT_MATRIX ? inputs->matrix.axes[i].values : inputs;
        if (!one || one->kind != INPUT_LINES || !one->path || strcmp(one->path, "-") != 0)
            continue;
        struct node *node = spec_node_get(r->phase_nodes[p], "inputs");
        if (inputs->kind == INPUT_MATRIX)
            node = spec_node_get(spec_node_get(node, "matrix"), inputs->matrix.axes[i].name);
        else
            node = spec_node_get(node, "lines");
        if (*taken && node)
            spec_complain_once(r, node, "let one of them read a file",
                               "standard input is read twice; it can be read once");
        *taken = true;
    }
}

static bool has_column(const struct job_inputs *inputs, const char *name)
{
    switch (inputs->kind) {
    case INPUT_RANGE:
        return inputs->range.as && !strcmp(inputs->range.as, name);
    case INPUT_LIST:
        for (size_t i = 0; i < inputs->list.columns; i++)
            if (inputs->list.names[i] && !strcmp(inputs->list.names[i], name))
                return true;
        return false;
    case INPUT_LINES:
        return !strcmp(name, "line");
    case INPUT_GLOB:
        return !strcmp(name, "path");
    case INPUT_MATRIX:
        for (size_t i = 0; i < inputs->matrix.axis_count; i++)
            if (inputs->matrix.axes[i].name && !strcmp(inputs->matrix.axes[i].name, name))
                return true;
        return false;
    case INPUT_CSV: // its columns are known when the file is read
    case INPUT_FROM:
        break;
    }
    return false;
}

static void check_args(struct reader *r, size_t p)
{
    const struct job_phase *phase = &r->job->phases[p];
    struct node *args = phase_get(r, p, "args");
    if (!args || args->kind != NODE_MAPPING)
        return;
    for (struct node *arg = args->first; arg; arg = arg->next) {
        if (!strcmp(arg->key->text, "index"))
            spec_complain_once(
                r, arg->key, "choose another name",
                "no column can be called `index`: result files begin with the task's "
                "index");
        else if (has_column(&phase->inputs, arg->key->text))
            spec_complain_once(r, arg->key, "rename one, or leave it out",
                               "the inputs of phase `%s` already have a column `%.64s`",
                               phase->name ? phase->name : "?", arg->key->text);
    }
}

void spec_check_references(struct reader *r)
{
    bool taken = false;
    for (size_t p = 0; p < r->job->phase_count; p++) {
        if (!r->phase_nodes[p])
            continue;
        check_tasks(r, p);
        resolve_needs(r, p);
        resolve_from(r, p);
        check_output(r, p);
        check_standard_input(r, p, &taken);
        check_args(r, p);
        spec_add_command(r, p, spec_node_get(r->phase_nodes[p], "command"));
    }
}
