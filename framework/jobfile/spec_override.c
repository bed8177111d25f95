// SPDX-License-Identifier: BSD-3-Clause
// Follows the path of a --set through the tree and puts its value there.
#include "jobfile/spec_override.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jobfile/spec_source.h"
#include "jobfile/spec_tree.h"

struct walk {
    struct tree *tree;
    struct diagnostics *d;
    const char *path; // the whole path, for messages
    const char *rest; // the part of `path` that is not followed yet
    struct node here; // names the --set in messages
};

static bool is_missing(const struct node *node)
{
    return !node || (node->kind == NODE_SCALAR && node->plain && node->length == 0);
}

// Returns the name of an item of `phases` or `plugins`, or NULL if it has none.
static const struct node *item_name(const struct node *item)
{
    const struct node *name = item->kind == NODE_MAPPING ? spec_node_get(item, "name") : item;
    return name && name->kind == NODE_SCALAR ? name : NULL;
}

static void complain_no_item(struct walk *w, const struct node *list, const char *what)
{
    size_t length = strcspn(w->rest, ".");
    const char *wanted = spec_tree_format(w->tree, "%.*s", (int)length, w->rest);
    const char **words = calloc(list->count ? list->count : 1, sizeof *words);
    if (!words) {
        w->tree->failed = true;
        return;
    }
    size_t count = 0;
    for (const struct node *item = list->first; item; item = item->next)
        if (item_name(item))
            words[count++] = item_name(item)->text;
    const char *near = text_nearest(wanted, words, count);
    free(words);
    spec_node_complain(w->d, &w->here,
                       near ? spec_tree_format(w->tree, "did you mean `%s`?", near) : NULL,
                       "there is no %s `%s`", what, wanted);
}

// Returns the item whose name the rest of the path begins with, or NULL after reporting that there
// is none. The longest name counts, because names may hold dots.
static struct node *find_item(struct walk *w, struct node *list, const char *what)
{
    struct node *best = NULL;
    size_t best_length = 0;
    for (struct node *item = list->first; item; item = item->next) {
        const struct node *name = item_name(item);
        if (name && name->length > best_length && !strncmp(w->rest, name->text, name->length) &&
            w->rest[name->length] == '.') {
            best = item;
            best_length = name->length;
        }
    }
    if (best)
        w->rest += best_length + 1;
    else
        complain_no_item(w, list, what);
    return best;
}

static struct node *new_key(struct walk *w, const char *text, size_t length)
{
    struct node *key = spec_tree_node(w->tree, NODE_SCALAR, w->path);
    const char *copy = spec_tree_text(w->tree, text, length);
    if (!key || !copy)
        return NULL;
    key->text = copy;
    key->length = length;
    return key;
}

// Turns *node into a mapping if that loses nothing: a missing value, or a single value that stands
// for the key `alone`, which is NULL if there is no such key. Returns -1 after reporting an error,
// or when out of memory.
static int make_mapping(struct walk *w, struct node *node, const char *alone)
{
    if (node->kind == NODE_MAPPING)
        return 0;
    bool single = alone && node->kind == NODE_SCALAR && !is_missing(node);
    struct node *key = single ? new_key(w, alone, strlen(alone)) : NULL;
    struct node *value = single ? spec_tree_node(w->tree, NODE_SCALAR, node->option) : NULL;
    if (single && (!key || !value))
        return -1;
    if (!single && !is_missing(node)) {
        spec_node_complain(w->d, &w->here, "set it as a whole: KEY={key: value, ...}",
                           "`%s` is %s in the job file, not a mapping",
                           node->key ? node->key->text : "it",
                           node->kind == NODE_LIST ? "a list" : "a single value");
        return -1;
    }
    if (single) {
        value->plain = node->plain;
        value->text = node->text;
        value->length = node->length;
        value->mark = node->mark;
        value->width = node->width;
    }
    node->kind = NODE_MAPPING;
    node->count = 0;
    if (single)
        spec_node_append(node, key, value);
    return 0;
}

// Whether the keys of the mapping are the user's own: the rest of the path is then one key.
static bool has_free_keys(const struct node *node)
{
    return node->key && (spec_node_is(node->key, "env") || spec_node_is(node->key, "args") ||
                         spec_node_is(node->key, "config"));
}

static void set_value(struct walk *w, struct node *mapping, size_t length, struct node *value)
{
    char *name = strndup(w->rest, length);
    struct node *key = new_key(w, w->rest, length);
    if (!name || !key) {
        w->tree->failed = true;
        free(name);
        return;
    }
    struct node *old = spec_node_get(mapping, name);
    free(name);
    if (!old) {
        spec_node_append(mapping, key, value);
        return;
    }
    struct node *next = old->next;
    *old = *value;
    old->key = key;
    old->next = next;
}

// Returns the child of the mapping that the path names next, which is created if it does not exist.
// NULL when out of memory.
static struct node *step_down(struct walk *w, struct node *mapping, size_t length)
{
    struct node *key = new_key(w, w->rest, length);
    if (!key)
        return NULL;
    w->rest += length + 1;
    struct node *child = spec_node_get(mapping, key->text);
    if (child)
        return child;
    child = spec_tree_node(w->tree, NODE_MAPPING, w->path);
    if (child)
        spec_node_append(mapping, key, child);
    return child;
}

static void set(struct walk *w, struct node *root, struct node *value)
{
    struct node *at = root;
    const char *alone = NULL; // the key of *at that its value stands for if it is a single one
    for (;;) {
        if (at->kind == NODE_LIST && at->key &&
            (spec_node_is(at->key, "phases") || spec_node_is(at->key, "plugins"))) {
            bool plugin = spec_node_is(at->key, "plugins");
            if (!strchr(w->rest, '.')) {
                spec_node_complain(
                    w->d, &w->here, spec_tree_format(w->tree, "for example `%s.name=...`", w->path),
                    "the path ends at a %s; expected one of its keys", plugin ? "plugin" : "phase");
                return;
            }
            at = find_item(w, at, plugin ? "plugin" : "phase");
            if (!at)
                return;
            alone = plugin ? "name" : NULL;
        }
        if (make_mapping(w, at, alone) != 0)
            return;
        size_t length = has_free_keys(at) ? strlen(w->rest) : strcspn(w->rest, ".");
        if (length == 0) {
            spec_node_complain(w->d, &w->here, "write KEY.KEY=VALUE",
                               "a part of the path is empty");
            return;
        }
        if (w->rest[length] == '\0') {
            set_value(w, at, length, value);
            return;
        }
        bool workers = at == root && !strncmp(w->rest, "workers.", strlen("workers."));
        alone = workers ? "count" : NULL;
        at = step_down(w, at, length);
        if (!at)
            return;
    }
}

void spec_override_apply(struct tree *t, struct node *root, const struct spec_override *override,
                         struct diagnostics *d)
{
    struct walk w = {.tree = t, .d = d, .path = override->path, .rest = override->path};
    w.here.option = override->path;
    struct diagnostics scratch;
    diagnostics_init(&scratch, override->path, override->value, strlen(override->value));
    int result = spec_source_check(&scratch);
    diagnostics_finish(&scratch);
    if (result != 0) {
        spec_node_complain(d, &w.here, "write it as UTF-8 text", "the value is not text");
        return;
    }
    struct node *value =
        spec_tree_parse(t, override->value, strlen(override->value), override->path, d);
    if (value)
        set(&w, root, value);
}
