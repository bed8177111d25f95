// SPDX-License-Identifier: BSD-3-Clause
// Nodes, their memory, and errors reported at a node.
#include "jobfile/spec_node.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ---- Memory: chunks that are freed together

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    max_align_t data[];
};

enum {
    CHUNK_SIZE = 16 * 1024
};

void spec_tree_finish(struct tree *t)
{
    while (t->chunks) {
        struct chunk *next = t->chunks->next;
        free(t->chunks);
        t->chunks = next;
    }
    *t = TREE_EMPTY;
}

static void *allocate(struct tree *t, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (!t->chunks || t->chunks->size - t->chunks->used < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        struct chunk *chunk = malloc(sizeof *chunk + room);
        if (!chunk) {
            t->failed = true;
            return NULL;
        }
        *chunk = (struct chunk){.next = t->chunks, .size = room};
        t->chunks = chunk;
    }
    void *at = (char *)t->chunks->data + t->chunks->used;
    t->chunks->used += size;
    return at;
}

struct node *spec_tree_node(struct tree *t, enum node_kind kind, const char *option)
{
    struct node *node = allocate(t, sizeof *node);
    if (node)
        *node = (struct node){.kind = kind, .option = option, .width = 1};
    return node;
}

const char *spec_tree_text(struct tree *t, const char *text, size_t length)
{
    char *copy = allocate(t, length + 1);
    if (!copy)
        return NULL;
    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

const char *spec_tree_format(struct tree *t, const char *format, ...)
{
    struct buffer b = BUFFER_EMPTY;
    va_list args;
    va_start(args, format);
    buffer_formatv(&b, format, args);
    va_end(args);
    const char *text = b.failed ? NULL : spec_tree_text(t, b.data, b.length);
    t->failed = t->failed || b.failed;
    buffer_finish(&b);
    return text ? text : "";
}

// ---- Nodes

void spec_node_append(struct node *parent, struct node *key, struct node *child)
{
    child->key = key;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

bool spec_node_is(const struct node *node, const char *text)
{
    return node && node->kind == NODE_SCALAR && !strcmp(node->text, text);
}

struct node *spec_node_get(const struct node *mapping, const char *key)
{
    if (!mapping || mapping->kind != NODE_MAPPING)
        return NULL;
    for (struct node *value = mapping->first; value; value = value->next)
        if (spec_node_is(value->key, key))
            return value;
    return NULL;
}

void spec_node_complainv(struct diagnostics *d, const struct node *node, const char *hint,
                         const char *format, va_list args)
{
    if (!node->option) {
        diagnostics_addv(d, BR_ERR_USAGE, node->mark, node->width, hint, format, args);
        return;
    }
    struct buffer b = BUFFER_EMPTY;
    buffer_formatv(&b, format, args);
    buffer_format(&b, "%s%s", hint ? "; " : "", hint ? hint : "");
    diagnostics_add_plain(d, BR_ERR_USAGE, "--set %s: %.*s", node->option, (int)b.length,
                          b.failed ? "" : b.data);
    d->text.failed = d->text.failed || b.failed;
    buffer_finish(&b);
}

void spec_node_complain(struct diagnostics *d, const struct node *node, const char *hint,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    spec_node_complainv(d, node, hint, format, args);
    va_end(args);
}
