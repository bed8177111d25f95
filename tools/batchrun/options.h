// SPDX-License-Identifier: BSD-3-Clause
// Options of a command, from one table that parses them and prints their help.
#ifndef BR_TOOLS_OPTIONS_H
#define BR_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum option_kind {
    OPTION_FLAG, // *to (bool) becomes true
    OPTION_TEXT, // *to (const char *) becomes the argument
    OPTION_EACH, // given any number of times: *to is a struct option_list
};

struct option_list {
    const char **items; // freed by the caller
    size_t count;
};

struct option {
    const char *name;  // without the dashes
    char letter;       // short form, or '\0'
    const char *value; // what the help calls the argument; NULL for flags
    enum option_kind kind;
    void *to;
    const char *help;
    const char *variable; // OPTION_TEXT: an environment variable that stands in for it, or NULL
};

struct command {
    const char *name;
    const char *operands; // "[job.yaml]"
    const char *summary;  // one line
    const char *details;  // paragraphs and examples, or NULL
    int (*run)(int argc, char **argv);
};

// Reads options up to "--"; operands may stand anywhere and are moved to argv[0 .. *operands).
// `--help` prints the command's help and sets *helped. -1 and *err (BR_ERR_USAGE) for an unknown
// option (with the nearest one), one without its argument or with one it does not take.
int options_parse(const struct command *command, const struct option *table, size_t count, int argc,
                  char **argv, int *operands, bool *helped, br_error *err);

// Shows every option of a command's table, by running the command: it reaches options_parse, which
// shows them and says that help was given.
struct option_visitor {
    void (*see)(struct option_visitor *v, const struct option *o);
};
void options_visit(const struct command *command, struct option_visitor *v);

#endif
