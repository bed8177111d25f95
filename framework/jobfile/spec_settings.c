// SPDX-License-Identifier: BSD-3-Clause
#include "jobfile/spec_settings.h"

#include <string.h>

#include "jobfile/spec_tree.h"

struct writer {
    struct buffer *out;
    struct buffer path; // ends in a NUL, which is not counted while a part is appended
    bool (*leaves_out)(const char *path);
};

static void put_node(struct writer *w, const struct node *node);

static void put_child(struct writer *w, const struct node *child)
{
    size_t length = w->path.length;
    if (length > 0)
        buffer_char(&w->path, '.');
    buffer_text(&w->path, child->key ? child->key->text : "*");
    buffer_char(&w->path, '\0');
    if (!w->path.failed) {
        w->path.length--;
        if (!w->leaves_out(w->path.data))
            put_node(w, child);
        w->path.length = length;
    }
}

// Lists and their items have lines of their own, which tell [[1, 2], [3]] from [[1], [2, 3]]; a
// mapping without settings has none.
static void put_node(struct writer *w, const struct node *node)
{
    if (node->kind != NODE_MAPPING || !node->key)
        buffer_append(w->out, w->path.data ? w->path.data : "", w->path.length);
    if (node->kind == NODE_SCALAR) {
        // With its length, so that no text looks like two settings.
        buffer_format(w->out, " %s %zu ", node->plain ? "plain" : "quoted", node->length);
        buffer_append(w->out, node->text, node->length);
    } else if (node->kind == NODE_LIST)
        buffer_text(w->out, " list");
    if (node->kind != NODE_MAPPING || !node->key)
        buffer_char(w->out, '\n');
    for (const struct node *child = node->first; child; child = child->next)
        put_child(w, child);
}

int spec_settings(const char *text, size_t length, bool (*leaves_out)(const char *path),
                  struct buffer *out, br_error *err)
{
    struct writer w = {.out = out, .leaves_out = leaves_out};
    struct tree tree = TREE_EMPTY;
    struct diagnostics d;
    diagnostics_init(&d, "job file", text, length);
    // libyaml would read the byte-order mark as text.
    size_t bom = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    struct node *root = spec_tree_parse(&tree, text + bom, length - bom, NULL, &d);
    if (root)
        put_node(&w, root);
    int result = tree.failed || w.path.failed ? br_error_nomem(err) : buffer_check(out, err);
    spec_tree_finish(&tree);
    diagnostics_finish(&d);
    buffer_finish(&w.path);
    return result;
}
