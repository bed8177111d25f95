// SPDX-License-Identifier: BSD-3-Clause
// YAML text as a tree of nodes, each with its place. Refuses what a job file does not have:
// anchors, aliases, tags, several documents, duplicate keys, anything beyond the limits.
#ifndef BR_JOBFILE_SPEC_TREE_H
#define BR_JOBFILE_SPEC_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "jobfile/diagnostic.h"

enum {
    TREE_DEPTH_MAX = 32,
    TREE_NODES_MAX = 100000,
    TREE_SCALAR_MAX = 64 * 1024,
};

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAPPING
};

struct node {
    enum node_kind kind;
    bool plain;         // a scalar without quotes: its type follows from its text
    bool told;          // complained about already, where one node is read for several phases
    struct mark mark;   // line 0 when it came by --set
    size_t width;       // characters under the caret
    const char *option; // the path of the --set it came by, borrowed; NULL = the job file
    const char *text;   // of a scalar, NUL-terminated, without NUL inside
    size_t length;
    struct node *key;          // of a value in a mapping, a scalar
    struct node *first, *last; // items of a list, values of a mapping
    struct node *next;         // sibling
    size_t count;
};

struct chunk;

struct tree {
    struct chunk *chunks; // all nodes and texts live here
    size_t node_count;
    bool failed; // out of memory
};

#define TREE_EMPTY ((struct tree){0})

void tree_finish(struct tree *t);

// Parses one document into *t. NULL when there is none: the mistakes are in *d, or t->failed. A
// text with duplicate keys gives a tree and mistakes. `option` is NULL for the job file, else the
// --set path that messages and nodes name.
struct node *tree_parse(struct tree *t, const char *text, size_t length, const char *option,
                        struct diagnostics *d);

// NULL (and t->failed) when out of memory.
struct node *tree_node(struct tree *t, enum node_kind kind, const char *option);
const char *tree_text(struct tree *t, const char *text, size_t length);

// A formatted text that lives as long as the tree; "" when out of memory.
const char *tree_format(struct tree *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void node_append(struct node *parent, struct node *key, struct node *child);

// The value of `key` in a mapping, or NULL (also when `mapping` is NULL or no mapping).
struct node *node_get(const struct node *mapping, const char *key);

bool node_is(const struct node *node, const char *text); // a scalar with this text

// Adds a mistake at `node`: with its line and a caret, or naming the --set it came by.
void node_complain(struct diagnostics *d, const struct node *node, const char *cure,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void node_complainv(struct diagnostics *d, const struct node *node, const char *cure,
                    const char *format, va_list args) __attribute__((format(printf, 4, 0)));

#endif
