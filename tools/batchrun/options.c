// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

enum {
    LEFT = 26 // width of the column of options
};

static void print_help(const struct command *command)
{
    printf("Usage: batchrun %s [options] %s\n\n%s\n", command->name, command->operands,
           command->summary);
    printf("\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *o = &command->options[i];
        char left[64], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        if (strlen(left) > LEFT)
            printf("  %s\n  %-*s %s", left, LEFT, "", o->help);
        else
            printf("  %-*s %s", LEFT, left, o->help);
        if (o->variable)
            printf(" [env: %s]", o->variable);
        printf("\n");
    }
    printf("  %-*s %s\n", LEFT, "-h, --help", "show this help");
    if (command->details)
        printf("\n%s", command->details);
}

static const struct option *find(const struct command *command, const char *name, size_t length)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *o = &command->options[i];
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
            return o;
    }
    return NULL;
}

static const struct option *find_letter(const struct command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (letter && command->options[i].letter == letter)
            return &command->options[i];
    return NULL;
}

static int unknown(const struct command *command, const char *given, br_error *err)
{
    const char *names[64];
    size_t n = 0;
    names[n++] = "help";
    for (size_t i = 0; i < command->option_count && n < sizeof names / sizeof names[0]; i++)
        names[n++] = command->options[i].name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
    const char *near = text_nearest(name, names, n);
    if (near)
        return br_error_set(err, BR_ERR_USAGE, "unknown option --%s; did you mean --%s?", name,
                            near);
    return br_error_set(err, BR_ERR_USAGE, "unknown option --%s; `batchrun %s --help` lists them",
                        name, command->name);
}

static int store(const struct option *o, void *arguments, char *value, br_error *err)
{
    void *field = (char *)arguments + o->offset;
    if (o->kind == OPTION_FLAG) {
        *(bool *)field = true;
        return 0;
    }
    if (o->kind == OPTION_TEXT) {
        *(const char **)field = value;
        return 0;
    }
    struct option_list *list = field;
    char **item = array_add(&list->items, &list->count, sizeof *list->items, err);
    if (!item)
        return -1;
    *item = value;
    return 0;
}

// Reads the option argv[*at]; *at moves to the last argument that belongs to it.
static int take_option(const struct command *command, void *arguments, int argc, char **argv,
                       int *at, br_error *err)
{
    char *arg = argv[*at];
    char *value = NULL;
    const struct option *o;
    if (arg[1] == '-') {
        size_t length = strcspn(arg + 2, "=");
        o = find(command, arg + 2, length);
        if (!o)
            return unknown(command, arg + 2, err);
        if (arg[2 + length] == '=')
            value = arg + 2 + length + 1;
    } else {
        o = arg[2] == '\0' ? find_letter(command, arg[1]) : NULL;
        if (!o)
            return br_error_set(err, BR_ERR_USAGE,
                                "unknown option %s; `batchrun %s --help` lists them", arg,
                                command->name);
    }
    if (o->kind == OPTION_FLAG && value)
        return br_error_set(err, BR_ERR_USAGE, "--%s takes no value", o->name);
    if (o->kind != OPTION_FLAG && !value) {
        if (*at + 1 >= argc)
            return br_error_set(err, BR_ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name,
                                o->value);
        value = argv[++*at];
    }
    return store(o, arguments, value, err);
}

static void take_variables(const struct command *command, void *arguments)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *o = &command->options[i];
        const char *value = o->variable ? getenv(o->variable) : NULL;
        if (value && *value)
            *(const char **)((char *)arguments + o->offset) = value;
    }
}

int options_parse(const struct command *command, void *arguments, int argc, char **argv,
                  int *operands, bool *helped, br_error *err)
{
    *operands = 0;
    *helped = false;
    take_variables(command, arguments);
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            argv[(*operands)++] = argv[i];
        } else if (strcmp(arg, "--") == 0) {
            only_operands = true;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            print_help(command);
            *helped = true;
            return 0;
        } else if (take_option(command, arguments, argc, argv, &i, err) != 0)
            return -1;
    }
    return 0;
}
