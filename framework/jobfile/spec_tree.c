// SPDX-License-Identifier: BSD-3-Clause
// Builds the tree of nodes from libyaml's events.
#include "jobfile/spec_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "jobfile/spec_yaml_error.h"

// ---- Duplicate keys

static int compare_keys(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    int order = strcmp(x->text, y->text);
    if (order != 0)
        return order;
    if (x->mark.line != y->mark.line)
        return x->mark.line < y->mark.line ? -1 : 1;
    return x->mark.column < y->mark.column ? -1 : x->mark.column > y->mark.column;
}

// Reports keys that are given twice. It sorts them, because a mapping can have tens of thousands.
static void refuse_duplicates(struct tree *t, const struct node *mapping, struct diagnostics *d)
{
    if (mapping->count < 2)
        return;
    struct node **keys = malloc(mapping->count * sizeof(struct node *));
    if (!keys) {
        t->failed = true;
        return;
    }
    size_t count = 0;
    for (const struct node *value = mapping->first; value; value = value->next)
        keys[count++] = value->key;
    qsort(keys, count, sizeof keys[0], compare_keys);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (strcmp(keys[i]->text, keys[first]->text) != 0)
            first = i;
        else if (keys[i]->option)
            spec_node_complain(d, keys[i], "remove one", "`%s` is given twice", keys[i]->text);
        else
            spec_node_complain(d, keys[i], "remove one", "`%s` is given twice; first on line %u",
                               keys[i]->text, keys[first]->mark.line);
    }
    free(keys);
}

// ---- From libyaml's events

struct builder {
    struct tree *tree;
    struct diagnostics *d;
    const char *option;
    struct node *root;
    struct node *open[TREE_DEPTH_MAX]; // collections not yet closed
    struct node
        *keys[TREE_DEPTH_MAX]; // in each open mapping the key whose value comes next, or NULL
    size_t depth;
    bool ended; // the end of the document was read
};

static struct mark mark_at(const yaml_mark_t *at)
{
    return (struct mark){(uint32_t)at->line + 1, (uint32_t)at->column + 1};
}

static struct node event_place(const struct builder *b, const yaml_event_t *event)
{
    bool one_line = event->start_mark.line == event->end_mark.line;
    size_t width = one_line ? event->end_mark.column - event->start_mark.column : 1;
    bool collection =
        event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    return (struct node){
        .mark = b->option ? (struct mark){0, 0} : mark_at(&event->start_mark),
        .width = width > 0 && !collection ? width : 1,
        .option = b->option,
    };
}

__attribute__((format(printf, 4, 5))) static int
refuse(struct builder *b, const yaml_event_t *event, const char *hint, const char *format, ...)
{
    struct node place = event_place(b, event);
    va_list args;
    va_start(args, format);
    spec_node_complainv(b->d, &place, hint, format, args);
    va_end(args);
    return -1;
}

static struct node *event_node(struct builder *b, const yaml_event_t *event, enum node_kind kind)
{
    if (b->tree->node_count++ >= TREE_NODES_MAX) {
        refuse(b, event, "keep long tables in a file: `inputs: {csv: FILE}`",
               "more than %d values in the file", TREE_NODES_MAX);
        return NULL;
    }
    struct node *node = spec_tree_node(b->tree, kind, b->option);
    if (node) {
        struct node place = event_place(b, event);
        node->mark = place.mark;
        node->width = place.width;
    }
    return node;
}

// Makes a node the root, an item of a list, or a mapping's key or value. Returns -1 after reporting
// an error.
static int place_node(struct builder *b, const yaml_event_t *event, struct node *node)
{
    if (b->depth == 0) {
        b->root = node;
        return 0;
    }
    struct node *parent = b->open[b->depth - 1];
    if (parent->kind == NODE_LIST) {
        spec_node_append(parent, NULL, node);
        return 0;
    }
    struct node **key = &b->keys[b->depth - 1];
    if (*key) {
        if (node->kind == NODE_SCALAR && node->plain && node->length == 0) {
            node->mark = (*key)->mark; // an empty value has no characters: point at its key
            node->width = (*key)->width;
        }
        spec_node_append(parent, *key, node);
        *key = NULL;
        return 0;
    }
    if (node->kind != NODE_SCALAR)
        return refuse(b, event, "quote text that has brackets or braces; there is no templating",
                      "expected a key, but found %s",
                      node->kind == NODE_LIST ? "a list" : "a mapping");
    *key = node;
    return 0;
}

static int refuse_properties(struct builder *b, const yaml_event_t *event,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        return refuse(b, event, "write the value out; text that begins with `&` must be quoted",
                      "anchors (`&%.40s`) are not allowed in a job file", anchor);
    if (tag)
        return refuse(b, event, "leave it out; text that begins with `!` must be quoted",
                      "tags (`%.40s`) are not allowed in a job file", tag);
    return 0;
}

static int take_scalar(struct builder *b, const yaml_event_t *event)
{
    const yaml_char_t *value = event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (refuse_properties(b, event, event->data.scalar.anchor, event->data.scalar.tag) != 0)
        return -1;
    if (length > TREE_SCALAR_MAX)
        return refuse(b, event, NULL, "a text of %zu bytes; the limit is %d", length,
                      TREE_SCALAR_MAX);
    if (memchr(value, '\0', length))
        return refuse(b, event, "remove the `\\0`", "a text holds a NUL character");
    struct node *node = event_node(b, event, NODE_SCALAR);
    if (!node)
        return -1;
    node->text = spec_tree_text(b->tree, (const char *)value, length);
    if (!node->text)
        return -1;
    node->length = length;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return place_node(b, event, node);
}

static int open_collection(struct builder *b, const yaml_event_t *event, enum node_kind kind)
{
    const yaml_char_t *anchor =
        kind == NODE_LIST ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    const yaml_char_t *tag =
        kind == NODE_LIST ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    if (refuse_properties(b, event, anchor, tag) != 0)
        return -1;
    if (b->depth == TREE_DEPTH_MAX)
        return refuse(b, event, "flatten it", "nested deeper than %d levels", TREE_DEPTH_MAX);
    struct node *node = event_node(b, event, kind);
    if (!node || place_node(b, event, node) != 0)
        return -1;
    b->open[b->depth] = node;
    b->keys[b->depth] = NULL;
    b->depth++;
    return 0;
}

static void close_collection(struct builder *b)
{
    const struct node *node = b->open[--b->depth];
    if (node->kind == NODE_MAPPING)
        refuse_duplicates(b->tree, node, b->d);
}

static int start_document(struct builder *b, const yaml_event_t *event)
{
    if (b->ended)
        return refuse(b, event, "keep each job in a file of its own",
                      "a second document begins here; a job file has one");
    const yaml_version_directive_t *version = event->data.document_start.version_directive;
    if (version && (version->major != 1 || version->minor != 2))
        return refuse(b, event, "leave the %YAML line out",
                      "this is YAML %d.%d; job files are YAML 1.2", version->major, version->minor);
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end)
        return refuse(b, event, "leave the %TAG line out", "tags are not allowed in a job file");
    return 0;
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return start_document(b, event);
    case YAML_DOCUMENT_END_EVENT:
        b->ended = true;
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse(b, event, "quote text that begins with `*`, or write the value out",
                      "aliases (`*%.40s`) are not allowed in a job file", event->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        return take_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(b, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return open_collection(b, event, NODE_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_collection(b);
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        return 0;
    }
    return 0;
}

static int build(struct builder *b, yaml_parser_t *parser)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            b->tree->failed = b->tree->failed || parser->error == YAML_MEMORY_ERROR;
            if (parser->error != YAML_MEMORY_ERROR)
                spec_yaml_error_add(b->d, parser, b->option);
            return -1;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        int result = take_event(b, &event);
        yaml_event_delete(&event);
        if (result != 0)
            return -1;
    }
    return b->tree->failed ? -1 : 0;
}

struct node *spec_tree_parse(struct tree *t, const char *text, size_t length, const char *option,
                             struct diagnostics *d)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        t->failed = true;
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const yaml_char_t *)text, length);
    struct builder b = {.tree = t, .d = d, .option = option};
    int result = build(&b, &parser);
    yaml_parser_delete(&parser);
    if (result != 0)
        return NULL;
    if (b.root)
        return b.root;
    struct node nowhere = {.option = option};
    if (option)
        spec_node_complain(d, &nowhere, "write the value, or \"\" for an empty text",
                           "there is no value");
    else
        spec_node_complain(d, &nowhere, "begin with `version: 1`", "the job file is empty");
    return NULL;
}
