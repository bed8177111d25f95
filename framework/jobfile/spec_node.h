// SPDX-License-Identifier: BSD-3-Clause
// A job file as a tree of nodes, each with its position in the file or the --set that it came from.
// The tree owns the memory of its nodes and texts.
#ifndef BR_JOBFILE_SPEC_NODE_H
#define BR_JOBFILE_SPEC_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "jobfile/diagnostic.h"

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAPPING
};

struct node {
    enum node_kind kind;
    bool plain;         // a scalar without quotes, whose type follows from its text
    bool reported;      // an error was reported here; `defaults` is read once for each phase
    struct mark mark;   // line 0 if it came from --set
    size_t width;       // characters to underline in a message
    const char *option; // the path of the --set that it came from, borrowed; NULL = the job file
    const char *text;   // of a scalar, NUL-terminated, without NUL inside
    size_t length;      // of the text, in bytes
    struct node *key;   // of a value in a mapping: a scalar
    struct node *first, *last; // items of a list, or values of a mapping
    struct node *next;         // the next item or value of the same parent
    size_t count;              // of items or values
};

struct chunk;

struct tree {
    struct chunk *chunks; // memory of all nodes and texts
    size_t node_count;    // nodes that were parsed
    bool failed;          // out of memory
};

#define TREE_EMPTY ((struct tree){0})

void spec_tree_finish(struct tree *t);

// Return a new node, and a copy of a text; NULL (and t->failed) when out of memory.
struct node *spec_tree_node(struct tree *t, enum node_kind kind, const char *option);
const char *spec_tree_text(struct tree *t, const char *text, size_t length);

// Returns a formatted text that lives as long as the tree; "" (and t->failed) when out of memory.
const char *spec_tree_format(struct tree *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Appends `child` to a list (`key` NULL) or a mapping.
void spec_node_append(struct node *parent, struct node *key, struct node *child);

// Returns the value of `key` in a mapping, the first if there are several. NULL if there is none,
// or `mapping` is NULL or not a mapping.
struct node *spec_node_get(const struct node *mapping, const char *key);

// Returns whether the node is a scalar with this text.
bool spec_node_is(const struct node *node, const char *text);

// Reports an error at `node`, with its line and a caret or with the name of its --set. `hint` may
// be NULL.
void spec_node_complain(struct diagnostics *d, const struct node *node, const char *hint,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
void spec_node_complainv(struct diagnostics *d, const struct node *node, const char *hint,
                         const char *format, va_list args) __attribute__((format(printf, 4, 0)));

#endif
