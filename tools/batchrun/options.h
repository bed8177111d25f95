// SPDX-License-Identifier: BSD-3-Clause
// The options of a command. Each command has a static table of them, from which the command line is
// parsed, and help, manual page and completions are made.
#ifndef BR_TOOLS_OPTIONS_H
#define BR_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum option_kind {
    OPTION_FLAG, // the field is a bool, which becomes true
    OPTION_TEXT, // the field is a const char *, which becomes the argument
    OPTION_EACH, // the field is a struct option_list: the option may be given any number of times
};

struct option_list {
    char **items; // arguments of the program; the caller frees the array
    size_t count;
};

struct option {
    const char *name;  // without the dashes
    char letter;       // short form, or '\0'
    const char *value; // what the help calls the argument; NULL for flags
    enum option_kind kind;
    size_t offset; // of the field in the command's struct of arguments
    const char *help;
    const char *variable; // OPTION_TEXT: environment variable with the default value, or NULL
};

// The entry of a table for a command that writes one file into the run directory, whose arguments
// have the field `output`.
#define OPTION_OUTPUT                                                                              \
    {                                                                                              \
        "output", 'o', "FILE", OPTION_TEXT, offsetof(struct arguments, output),                    \
            "write FILE instead of a file in RUN; `-` is standard output", NULL                    \
    }

struct command {
    const char *name;
    const char *operands; // "[job.yaml]"
    const char *summary;  // one line
    const char *details;  // paragraphs and examples, or NULL
    const struct option *options;
    size_t option_count;
    int (*run)(int argc, char **argv); // without the command's name; returns the exit status
};

// Reads the options of argv up to "--" into the zeroed `arguments`, the struct that the table's
// offsets are of (NULL if the table is empty). Operands may stand anywhere and are moved to
// argv[0 .. *operands). `--help` prints the command's help and sets *helped. Returns -1 and *err
// (BR_ERR_USAGE) for an unknown option (with the nearest one), one without its argument, or one
// with an argument that it does not take.
int options_parse(const struct command *command, void *arguments, int argc, char **argv,
                  int *operands, bool *helped, br_error *err);

#endif
